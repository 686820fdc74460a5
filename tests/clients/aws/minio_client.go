// What a program with minio-go does, which signs each chunk of a body when there is no TLS.
// ENDPOINT is all that is changed for nikawa, or the proxy in the environment.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

var (
	background = context.Background()
	bucket     = os.Getenv("BUCKET")
	keys       []string
)

func check(err error) {
	if err != nil {
		log.Fatal(minio.ToErrorResponse(err).Code, " ", err)
	}
}

func client(lookup minio.BucketLookupType, version credentials.SignatureType, trailers bool) *minio.Client {
	endpoint, err := url.Parse(strings.ReplaceAll(os.Getenv("ENDPOINT"), "{service}", "s3"))
	check(err)
	made, err := minio.New(endpoint.Host, &minio.Options{
		Creds: credentials.NewStatic(os.Getenv("AWS_ACCESS_KEY_ID"),
			os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN"), version),
		Secure:          endpoint.Scheme == "https",
		Region:          os.Getenv("AWS_REGION"),
		BucketLookup:    lookup,
		TrailingHeaders: trailers,
		Transport:       &http.Transport{Proxy: http.ProxyFromEnvironment},
	})
	check(err)
	return made
}

func put(s3 *minio.Client, key string, body []byte) {
	_, err := s3.PutObject(background, bucket, key, bytes.NewReader(body), int64(len(body)),
		minio.PutObjectOptions{ContentType: "text/plain"})
	check(err)
}

func get(s3 *minio.Client, key string, options minio.GetObjectOptions) []byte {
	object, err := s3.GetObject(background, bucket, key, options)
	check(err)
	body, err := io.ReadAll(object)
	check(err)
	return body
}

func same(got, wanted []byte, what string) {
	if !bytes.Equal(got, wanted) {
		log.Fatalf("%s: %d bytes, not the %d that were sent", what, len(got), len(wanted))
	}
}

func objects(lookup minio.BucketLookupType) {
	s3 := client(lookup, credentials.SignatureV4, false)
	for _, key := range keys {
		body := []byte(strings.Repeat(key, 1000))
		if strings.HasSuffix(key, "/") { // to minio-go a folder: it may have no bytes
			body = nil
		}
		put(s3, key, body)
		same(get(s3, key, minio.GetObjectOptions{}), body, key)
	}
	part := minio.GetObjectOptions{}
	check(part.SetRange(2, 5))
	same(get(s3, keys[0], part), []byte(strings.Repeat(keys[0], 2)[2:6]), "range")
	var listed []string
	for object := range s3.ListObjects(background, bucket, minio.ListObjectsOptions{Recursive: true}) {
		check(object.Err)
		listed = append(listed, object.Key)
	}
	sort.Strings(listed)
	sort.Strings(keys)
	if fmt.Sprint(listed) != fmt.Sprint(keys) {
		log.Fatal(listed)
	}
	check(s3.RemoveObject(background, bucket, "a b c", minio.RemoveObjectOptions{}))
}

// Many chunks, of a body that is not known before, and with a checksum behind it.
func streams() {
	data := bytes.Repeat([]byte("stream"), 256000)
	s3 := client(minio.BucketLookupDNS, credentials.SignatureV4, false)
	put(s3, "stream", data)
	same(get(s3, "stream", minio.GetObjectOptions{}), data, "stream")
	_, err := s3.PutObject(background, bucket, "unknown", io.MultiReader(bytes.NewReader(data)), -1,
		minio.PutObjectOptions{PartSize: 5 << 20})
	check(err)
	with := client(minio.BucketLookupDNS, credentials.SignatureV4, true)
	_, err = with.PutObject(background, bucket, "trailer",
		bytes.NewReader(bytes.Repeat(data, 4)), int64(4*len(data)),
		minio.PutObjectOptions{PartSize: 5 << 20})
	check(err)
}

func large() {
	data := bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16)
	s3 := client(minio.BucketLookupDNS, credentials.SignatureV4, false)
	_, err := s3.PutObject(background, bucket, "large", bytes.NewReader(data), int64(len(data)),
		minio.PutObjectOptions{PartSize: 5 << 20})
	check(err)
	same(get(s3, "large", minio.GetObjectOptions{}), data, "large")
}

func presign() {
	for _, version := range []credentials.SignatureType{
		credentials.SignatureV4, credentials.SignatureV2} {
		s3 := client(minio.BucketLookupDNS, version, false)
		get, err := s3.PresignedGetObject(background, bucket, "a b+c~", time.Minute, nil)
		check(err)
		put, err := s3.PresignedPutObject(background, bucket, "a b+c~", time.Minute)
		check(err)
		line, err := json.Marshal(map[string]string{
			"get": get.String(), "put": put.String()})
		check(err)
		fmt.Println(string(line))
	}
}

func main() {
	check(json.Unmarshal([]byte(os.Getenv("KEYS")), &keys))
	operations := map[string]func(){
		"objects": func() { objects(minio.BucketLookupDNS) },
		"paths":   func() { objects(minio.BucketLookupPath) },
		"streams": streams, "large": large, "presign": presign,
		"put": func() {
			put(client(minio.BucketLookupDNS, credentials.SignatureV4, false), "key", []byte("body"))
		},
	}
	operations[os.Args[1]]()
}
