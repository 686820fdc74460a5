// What a program with the AWS SDK for Go v2 does. ENDPOINT is all that is changed for nikawa, or the
// proxy in the environment.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

var (
	background = context.Background()
	bucket     = aws.String(os.Getenv("BUCKET"))
	keys       []string
	settings   aws.Config
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func same(got, wanted []byte, what string) {
	if !bytes.Equal(got, wanted) {
		log.Fatalf("%s: %d bytes, not the %d that were sent", what, len(got), len(wanted))
	}
}

func endpoint(service string) string {
	return strings.ReplaceAll(os.Getenv("ENDPOINT"), "{service}", service)
}

func s3Client(usePathStyle bool) *s3.Client {
	return s3.NewFromConfig(settings, func(options *s3.Options) {
		options.EndpointResolver = s3.EndpointResolverFromURL(endpoint("s3"))
		options.UsePathStyle = usePathStyle
	})
}

func put(client *s3.Client, key string, body []byte) {
	_, err := client.PutObject(background, &s3.PutObjectInput{Bucket: bucket, Key: &key,
		Body: bytes.NewReader(body), ContentType: aws.String("text/plain")})
	check(err)
}

func get(client *s3.Client, key string, part *string) []byte {
	object, err := client.GetObject(background,
		&s3.GetObjectInput{Bucket: bucket, Key: &key, Range: part})
	check(err)
	defer object.Body.Close()
	body, err := io.ReadAll(object.Body)
	check(err)
	return body
}

func objects(usePathStyle bool) {
	client := s3Client(usePathStyle)
	for _, key := range keys {
		body := []byte(strings.Repeat(key, 1000))
		put(client, key, body)
		same(get(client, key, nil), body, key)
	}
	same(get(client, keys[0], aws.String("bytes=2-5")),
		[]byte(strings.Repeat(keys[0], 2)[2:6]), "range")
	listed, err := client.ListObjectsV2(background, &s3.ListObjectsV2Input{Bucket: bucket})
	check(err)
	var names []string
	for _, object := range listed.Contents {
		names = append(names, *object.Key)
	}
	sort.Strings(names)
	sort.Strings(keys)
	if fmt.Sprint(names) != fmt.Sprint(keys) {
		log.Fatal(names)
	}
	_, err = client.DeleteObject(background, &s3.DeleteObjectInput{Bucket: bucket, Key: &keys[0]})
	check(err)
}

// A body with its checksum.
func sums() {
	data := bytes.Repeat([]byte("stream"), 256000)
	_, err := s3Client(false).PutObject(background, &s3.PutObjectInput{Bucket: bucket,
		Key: aws.String("sum"), Body: bytes.NewReader(data),
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256})
	check(err)
}

func large() {
	client := s3Client(false)
	data := bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16)
	_, err := manager.NewUploader(client).Upload(background, &s3.PutObjectInput{
		Bucket: bucket, Key: aws.String("large"), Body: io.MultiReader(bytes.NewReader(data))})
	check(err)
	same(get(client, "large", nil), data, "large")
}

func presign() {
	client := s3.NewPresignClient(s3Client(false), s3.WithPresignExpires(time.Minute))
	key := aws.String("a b+c~")
	get, err := client.PresignGetObject(background, &s3.GetObjectInput{Bucket: bucket, Key: key})
	check(err)
	put, err := client.PresignPutObject(background, &s3.PutObjectInput{Bucket: bucket, Key: key})
	check(err)
	line, err := json.Marshal(map[string]string{"get": get.URL, "put": put.URL})
	check(err)
	fmt.Println(string(line))
}

// The queue is named as the service names it: the endpoint decides where the request goes.
func send() error {
	client := sqs.NewFromConfig(settings, func(options *sqs.Options) {
		options.EndpointResolver = sqs.EndpointResolverFromURL(endpoint("sqs"))
	})
	_, err := client.SendMessage(background, &sqs.SendMessageInput{
		QueueUrl:    aws.String("https://sqs.us-east-1.amazonaws.com/123456789012/queue"),
		MessageBody: aws.String("héllo +&=")})
	return err
}

func services() {
	check(send())
	client := sts.NewFromConfig(settings, func(options *sts.Options) {
		options.EndpointResolver = sts.EndpointResolverFromURL(endpoint("sts"))
	})
	who, err := client.GetCallerIdentity(background, &sts.GetCallerIdentityInput{})
	check(err)
	if *who.Account != "123456789012" {
		log.Fatal(*who.Account)
	}
}

// One request; what is wrong is for the user to see.
func putOne(service string) {
	if service == "sqs" {
		check(send())
	} else {
		put(s3Client(false), "key", []byte("body"))
	}
}

func main() {
	check(json.Unmarshal([]byte(os.Getenv("KEYS")), &keys))
	var err error
	settings, err = config.LoadDefaultConfig(background,
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }))
	check(err)
	operations := map[string]func(){
		"objects": func() { objects(false) },
		"paths":   func() { objects(true) },
		"sums":    sums, "large": large, "presign": presign, "services": services,
		"put": func() { putOne(strings.Join(os.Args[2:], "")) },
	}
	operations[os.Args[1]]()
}
