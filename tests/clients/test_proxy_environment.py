"""Which variables of the environment make a client use its proxy, as docs/clients.md has it."""

from client_test import WebTest
from lab import HTTP2, PROXY, PYTHON

URL = f"http://{HTTP2}/hello"

GO = """
package main

import (
	"io"
	"net/http"
	"os"
)

func main() {
	response, err := http.Get(os.Args[1])
	if err != nil {
		os.Exit(1)
	}
	io.Copy(os.Stdout, response.Body)
}
"""

CLIENTS = {
    "curl": ["curl", "-sS", URL],
    "wget": ["wget", "-q", "-O", "-", URL],
    "php-curl": ["php", "-r", "$h = curl_init($argv[1]); exit(curl_exec($h) ? 0 : 1);", URL],
    "php-streams": ["php", "-r", "echo file_get_contents($argv[1]);", URL],
    "guzzle": ["php", "-r", "require 'GuzzleHttp/autoload.php';"
                            " echo (new GuzzleHttp\\Client)->get($argv[1])->getBody();", URL],
    "symfony": ["php", "-r", "require 'Symfony/Component/HttpClient/autoload.php';"
                             " echo Symfony\\Component\\HttpClient\\HttpClient::create()"
                             "->request('GET', $argv[1])->getContent();", URL],
    "requests": [PYTHON, "-c", "import requests, sys; print(requests.get(sys.argv[1]).text)", URL],
    "urllib3": [PYTHON, "-c", "import sys, urllib3; print(urllib3.PoolManager(retries=False)"
                              ".request('GET', sys.argv[1]).data)", URL],
    "node-fetch": ["node", "-e", "fetch(process.argv[1]).then(async (response) => "
                                 "console.log(await response.text()))", URL],
    "go": ["GO", URL],
}

HEARD_BY = (
    ({}, set()),
    ({"http_proxy": PROXY}, {"curl", "wget", "php-curl", "guzzle", "symfony", "requests", "go"}),
    ({"HTTP_PROXY": PROXY}, {"guzzle", "symfony", "requests", "go"}),
    # As in a CGI program, where the variable may be a field of the request. Guzzle and Symfony see
    # that PHP does not run as one: test_php_fpm.py.
    ({"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, {"guzzle", "symfony"}),
    ({"http_proxy": PROXY, "no_proxy": "example.com"}, set()),
)


class ProxyEnvironment(WebTest):
    def test_each_client_hears_what_it_is_said_to_hear(self):
        folder = self.lab.world.directory
        (folder / "get.go").write_text(GO)
        self.run_client("go", "build", "-o", folder / "get", folder / "get.go")
        for environment, expected in HEARD_BY:
            with self.subTest(environment=environment):
                self.assertEqual({client for client, command in CLIENTS.items()
                                  if self.reaches(command, environment)}, expected)

    def reaches(self, command, environment):
        go = self.lab.world.directory / "get"
        done = self.lab.run(*[go if word == "GO" else word for word in command],
                            environment=environment)
        return f"hello from {HTTP2}".encode() in done.stdout
