"""The snippets of docs/clients.md do what the page says."""

import os
import re

from aws_lab import node_modules
from client_test import WebTest
from lab import HTTP2, MARKERS, PLAIN, PORT, PROXY, PYTHON, ROOT, LabTest, suffixed, without_tls
from snippets import snippets

# By the language of a snippet, the file it is put into and how that is run.
PROGRAMS = {
    "php": ("snippet.php", ["php"]),
    "python": ("snippet.py", [PYTHON, "-B"]),
    "js": ("snippet.mjs", ["node"]),
    "go": ("snippet.go", ["go", "run"]),
    "sh": ("snippet.sh", ["sh", "-e"]),
}


class Snippets(WebTest):
    @classmethod
    def setUpClass(cls):
        modules = node_modules()
        super().setUpClass()
        os.symlink(modules, cls.lab.world.directory / "node_modules")

    def test_all_reach_the_origin_in_one_round_trip(self):
        ours = [snippet for snippet in snippets() if snippet.section != "AWS"]
        self.assertEqual({snippet.language for snippet in ours}, set(PROGRAMS))
        for snippet in ours:
            with self.subTest(line=snippet.line):
                self.check(snippet)

    def check(self, snippet):
        name, command = PROGRAMS[snippet.language]
        file = self.lab.world.directory / name
        file.write_text(snippet.code)
        before = self.warm_up("https://" + HTTP2)
        text = self.run_client(*command, file).decode()
        end = self.warm_up("https://" + HTTP2) - 1
        records = self.nikawa.access_log(end)[before:end]
        self.assertGreaterEqual(len(records), 1)
        self.assertLessEqual({record["uri"] for record in records}, {"/v1/users"})
        self.assert_records("https://" + HTTP2, "h2", records)
        self.assertTrue("/v1/users/hash" in text or "Complete requests:" in text, text)


GO_GET = """
package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	if _, err := http.Get(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}
"""
GUZZLE = "require 'GuzzleHttp/autoload.php'; echo (new GuzzleHttp\\Client)"
SYMFONY = ("require 'Symfony/Component/HttpClient/autoload.php';"
           " echo Symfony\\Component\\HttpClient\\HttpClient::create()->request('GET', $argv[1])")
IGNORE_ERRORS = "stream_context_create(['http' => ['ignore_errors' => true]])"


class WhatYouSee(WebTest):
    """What the last table of the page has clients say, and how it has them say what nikawa says."""

    page = (ROOT / "docs/clients.md").read_text().partition("## What you see")[2]

    def output(self, *command, **more):
        done = self.lab.run(*command, **more)
        return (done.stdout + done.stderr).decode()

    def go(self, url, environment=None):
        file = self.lab.world.directory / "get.go"
        file.write_text(GO_GET)
        return self.output("go", "run", file, url, environment=environment)

    def records(self):
        """Of all that has been asked so far."""
        return self.nikawa.access_log(self.warm_up("https://" + HTTP2))

    def assert_says(self, words, output):
        self.assertIn(words, output)
        self.assertIn(words, self.page)

    def test_tls_spoken_to_nikawa(self):
        url = suffixed("https://" + HTTP2).replace("http:", "https:")
        for command in (["curl", "-sS", url], ["php", "-r", "file_get_contents($argv[1]);", url],
                        ["curl", "-sS", "-x", f"https://127.0.0.1:{PORT}", "http://" + HTTP2],
                        ["node", "-e", "fetch(process.argv[1]).catch(({cause}) => "
                                       "console.log(cause.message))", url]):
            self.assert_says("wrong version number", self.output(*command))
        self.assert_says("An unexpected TLS packet was received", self.output("wget", url))
        self.assert_says("server gave HTTP response to HTTPS client", self.go(url))

    def test_names_that_nikawa_does_not_know(self):
        output = self.output("curl", "-sS", "--connect-to", f"::127.0.0.1:{PORT}",
                             f"http://{HTTP2}.ccnproxy-http/")
        self.assert_says("the Host does not name an origin", output)

    def test_a_variable_that_a_request_may_have_set(self):
        output = self.go(without_tls("https://" + HTTP2),
                         {"REQUEST_METHOD": "GET", "HTTP_PROXY": PROXY})
        self.assert_says("refusing to use HTTP_PROXY value in CGI environment", output)

    def test_tunnels_in_place_of_plain_http(self):
        for origin in (f"http://{HTTP2}", f"https://{HTTP2}.{MARKERS['https']}"):
            self.output("curl", "-sS", "-p", "-x", PROXY, origin)
        details = [record["error_detail"] for record in self.records()
                   if record["method"] == "CONNECT"]
        for words, detail in zip(("the port is not in --connect-port",
                                  "the name has a marker label"), details, strict=True):
            self.assert_says(words, detail)

    def test_the_text_of_answers_and_their_lines_in_the_log(self):
        url = f"http://nowhere.invalid.{MARKERS['https']}:{PORT}/"
        for told, command in (
                ("curl", ["curl", "-sS", url]),
                ("--content-on-error", ["wget", "-q", "--content-on-error", "-O", "-", url]),
                ("'ignore_errors' => true",
                 ["php", "-r", f"echo file_get_contents($argv[1], false, {IGNORE_ERRORS});", url]),
                ("'http_errors' => false",
                 ["php", "-r", GUZZLE + "->get($argv[1], ['http_errors' => false])->getBody();",
                  url]),
                ("getContent(false)", ["php", "-r", SYMFONY + "->getContent(false);", url])):
            with self.subTest(told=told):
                self.assertIn(told, self.page)
                output = self.output(*command)
                self.assertIn("the origin's name could not be resolved", output)
                number = re.search(r"Request ID: (\w+)", output)[1]
                self.assertIn(number, [record["chocon_req"] for record in self.records()])
        self.assertRegex(self.output("curl", "-sS", "-i", url), "X-Chocon-Id: ")


class WithoutHttpsFor(LabTest):
    """What becomes of a true name after http:// that the operator has forgotten."""

    def test_is_sent_in_clear_text_unless_port_80_is_closed(self):
        self.lab.example_origins()
        secure, plain = suffixed("https://" + HTTP2), without_tls("https://" + PLAIN)
        for options, expected in (([], 200), (["--allow-port", "443"], 403)):
            with self.subTest(options=options):
                nikawa = self.lab.nikawa(*options)
                statuses = [self.status("--proxy", PROXY, plain), self.status(secure)]
                origins = [record["origin"] for record in nikawa.access_log(2)]
                nikawa.__exit__(None)
                self.assertEqual(statuses, [expected, 200])
                self.assertEqual(origins, ["http://" + PLAIN, "https://" + HTTP2])

    def status(self, *arguments):
        done = self.lab.run("curl", "-q", "-sS", "-o", "/dev/null", "--write-out", "%{http_code}",
                            *arguments)
        return int(done.stdout)
