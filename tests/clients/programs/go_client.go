// Asks through Go's net/http: go_client BASE PROXY FILE, the proxy by http_proxy.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
)

var base = os.Args[1]

var client = &http.Client{Transport: &http.Transport{
	Proxy:               http.ProxyFromEnvironment,
	MaxIdleConnsPerHost: 8,
	DisableCompression:  true,
}}

var printing sync.Mutex

func ask(act, method, target string, body io.Reader, fields ...string) {
	request, err := http.NewRequest(method, base+target, body)
	if err != nil {
		log.Fatal(act, ": ", err)
	}
	for ; len(fields) > 0; fields = fields[2:] {
		request.Header.Set(fields[0], fields[1])
	}
	response, err := client.Do(request)
	if err != nil {
		log.Fatal(act, ": ", err)
	}
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(act, ": ", err)
	}
	var text any
	if len(got) < 10000 {
		text = string(got)
	}
	told := map[string]any{
		"act": act, "status": response.StatusCode, "bytes": len(got),
		"sha256": fmt.Sprintf("%x", sha256.Sum256(got)), "length": response.ContentLength,
		"body": text,
	}
	printing.Lock()
	defer printing.Unlock()
	json.NewEncoder(os.Stdout).Encode(told)
}

func open(name string) *os.File {
	file, err := os.Open(name)
	if err != nil {
		log.Fatal(err)
	}
	return file
}

func main() {
	for turn := 0; turn < 5; turn++ {
		ask("get", "GET", "/get?a=%2F&b=", nil)
	}
	ask("head", "HEAD", "/large", nil)
	ask("post", "POST", "/post", strings.NewReader("name=value&other=%20"),
		"Content-Type", "application/x-www-form-urlencoded")
	content, err := os.ReadFile(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	ask("upload", "PUT", "/upload", strings.NewReader(string(content)))
	ask("streamed", "PUT", "/streamed", open(os.Args[3])) // a reader of unknown length
	ask("download", "GET", "/large", nil)
	ask("range", "GET", "/large", nil, "Range", "bytes=100-199")
	ask("moved", "GET", "/moved", nil)
	for _, act := range []string{"parallel-1", "parallel-2"} {
		var all sync.WaitGroup
		for n := 0; n < 8; n++ {
			all.Add(1)
			go func(n int) {
				defer all.Done()
				ask(act, "GET", fmt.Sprintf("/%s?n=%d", act, n), nil)
			}(n)
		}
		all.Wait()
	}
}
