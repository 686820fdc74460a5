"""The ways to name an origin, side by side: the marker, an absolute target, a plain Host.

Runs in a network namespace of its own. Clients believe a hosts file that leads `h1.test` and
`h2.test` to nikawa at 127.0.0.3, port 80; nginx is those origins, at 127.0.0.1, and nikawa finds it
by name servers of its own.
"""

import json

import own_network
from harness import RawClient, SystemTest, curl, plain_curl, run_nikawa
from origins import Nginx

PROXY = "127.0.0.3"
HOSTS = f"127.0.0.1 localhost\n{PROXY} h1.test h2.test\n"
HTTPS_FOR = ("--https-for", "h2.test", "*.amazonaws.test")


def setUpModule():
    own_network.enter()
    own_network.use_hosts_file(HOSTS)


class WaysToName(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nginx = Nginx(cls.world, addresses=["127.0.0.1:443", "127.0.0.1:8443", "127.0.0.1:80"])
        cls.addClassCleanup(cls.nginx.close)

    def setUp(self):
        self.nginx.forget()

    def serve(self, *options):
        return self.start("--listen", PROXY, "--port", "80", *options)

    def serve_with_system_names(self, *options):
        """One that believes the hosts file, as its clients do."""
        return self.serve("--resolver", "", *options)

    def with_file(self, text):
        path = self.world.directory / "nikawa.conf"
        path.write_text(text)
        return "--config", path

    @staticmethod
    def ask(url, *options):
        """As an application does that knows of nothing."""
        return plain_curl(url, *options)

    @staticmethod
    def ask_proxy(url, *options):
        """As an application does whose environment names nikawa as the HTTP proxy."""
        return plain_curl(url, *options, http_proxy=f"http://{PROXY}:80")

    def assert_reached(self, reply, name, host=None):
        self.assertEqual((reply.status, reply.body), (200, f"hello from {name}".encode()), reply)
        self.assertEqual(self.nginx.log()[-1]["host"], host or name)
        self.nginx.forget()

    def assert_refused(self, reply, status, *words):
        self.assertEqual(reply.status, status, reply)
        for word in words:
            self.assertIn(word, reply.body.decode())

    def test_an_absolute_target_is_plain_unless_it_says_more(self):
        nikawa = self.serve(*HTTPS_FOR)
        self.assert_reached(self.ask_proxy("http://plain.test/hello"), "plain.test")
        self.assert_reached(self.ask_proxy("http://PLAIN.test.:80/hello"), "plain.test")
        self.assert_reached(self.ask_proxy("http://127.0.0.1/hello"), "plain.test",
                            "127.0.0.1")
        self.assert_reached(self.ask_proxy("http://h2.test/hello"), "h2.test")
        self.assert_reached(self.ask_proxy("http://h2.test:443/hello"), "h2.test")
        self.assert_reached(self.ask_proxy("http://h2.test.ccnproxy-https/hello"),
                            "h2.test")
        self.assert_reached(
            self.ask_proxy("http://h1.test.ccnproxy-https:8443/hello"), "h1.test",
            "h1.test:8443")
        origins = [record["origin"] for record in nikawa.access_log(7)]
        self.assertEqual(origins, ["http://plain.test"] * 2 + ["http://127.0.0.1"]
                         + ["https://h2.test"] * 3 + ["https://h1.test:8443"])
        self.assertEqual(nikawa.access_log(7)[1]["host"], "PLAIN.test.")

    def test_an_absolute_target_of_https_is_what_it_says(self):
        nikawa = self.serve()
        for target, host in (("https://h2.test/hello", "x"), ("HTTPS://H2.TEST:443/hello", "x"),
                             ("https://h2.test/hello", "plain.test.ccnproxy")):
            with self.subTest(target=target), RawClient(nikawa, PROXY) as client:
                client.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n"
                            "Connection: close\r\n\r\n")
                self.assertTrue(client.receive_to_the_end().endswith(b"hello from h2.test"))

    def test_an_empty_port_is_none(self):  # RFC 3986, 3.2.3
        nikawa = self.serve(*HTTPS_FOR)
        for target, host in (("http://h2.test:/hello", "h2.test:"), ("/hello", "h2.test:"),
                             ("https://h2.test:/hello", "x:"), ("/hello", "h2.test.ccnproxy-ssl:")):
            with self.subTest(target=target, host=host), RawClient(nikawa, PROXY) as client:
                client.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n"
                            "Connection: close\r\n\r\n")
                self.assertTrue(client.receive_to_the_end().endswith(b"hello from h2.test"))
        self.assertEqual({record["origin"] for record in nikawa.access_log(4)},
                         {"https://h2.test"})

    def test_an_absolute_target_that_names_none_is_told_why(self):
        nikawa = self.serve()
        for target, words, shown in (
                ("http://u:p@h2.test/", "a user's name or password", "[Host: h2.test]"),
                ("http://h2..test/", "a dot too many", "[Host: h2..test]"),
                ("http://h2.test:x/", "the port is none", "[Host: h2.test:x]"),
                ("http://h2.test/#a", "has a fragment", "Send a valid")):
            with self.subTest(target=target), RawClient(nikawa, PROXY) as client:
                client.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")
                answer = client.receive_to_the_end().decode()
                self.assertTrue(answer.startswith("HTTP/1.1 400 "), answer)
                self.assertIn(words, answer)
                self.assertIn(shown, answer)
        self.assertEqual([record["host"] for record in nikawa.access_log(4)],
                         ["h2.test", "h2..test", "h2.test:x", "x"])

    def test_a_plain_host_that_is_covered_is_an_origin(self):
        self.serve(*HTTPS_FOR)
        self.assert_reached(self.ask("http://h2.test/hello"), "h2.test")
        self.assert_reached(self.ask("http://H2.Test:80/hello"), "h2.test")
        reply = self.ask("http://bucket.s3.amazonaws.test/hello", "--resolve",
                         f"bucket.s3.amazonaws.test:80:{PROXY}")
        self.assert_refused(reply, 502, "https://bucket.s3.amazonaws.test")  # its certificate
        elsewhere = self.start(*HTTPS_FOR)
        self.assert_reached(curl(elsewhere, f"http://h2.test:{elsewhere.port}/hello"), "h2.test")

    def test_a_plain_host_that_is_not_covered_is_none(self):
        nikawa = self.serve(*HTTPS_FOR)
        reply = self.ask("http://h1.test/hello")
        self.assert_refused(reply, 400, ".ccnproxy-https", "--https-for", "[map]")
        self.assertEqual(nikawa.access_log()[0]["error"], "bad_host")

    def test_the_map_says_where_hosts_are(self):
        self.serve(*self.with_file("https-for = h1.test\n"
                                   "[map]\n"
                                   "h1.test = https://h1.test:8443\n"
                                   "*.gateway.test = https://h2.test\n"
                                   "h2.test = https\n"
                                   "plain.test = http\n"))
        for ask in (self.ask, self.ask_proxy):
            self.assert_reached(ask("http://h1.test/hello"), "h1.test", "h1.test:8443")
            self.assert_reached(ask("http://h2.test/hello"), "h2.test")
            for name, reached in (("a.b.gateway.test", "h2.test"), ("plain.test", "plain.test")):
                reply = ask(f"http://{name}/hello", "--resolve", f"{name}:80:{PROXY}")
                self.assert_reached(reply, reached)

    def test_the_map_needs_no_allowance_for_the_origins_it_names(self):
        file = self.with_file("[map]\napp.test = http://127.0.0.1\nother.test = http\n")
        self.serve("--allow-target", "", *file)
        reply = self.ask("http://app.test/hello", "--resolve", f"app.test:80:{PROXY}")
        self.assert_reached(reply, "plain.test", "127.0.0.1")
        reply = self.ask("http://other.test/hello", "--resolve", f"other.test:80:{PROXY}")
        self.assert_refused(reply, 403, "loopback is reached only with --allow-target")

    def test_what_is_denied_is_denied_in_every_form(self):
        nikawa = self.serve("--deny-target", "h2.test", "169.254.0.0/16", *HTTPS_FOR)
        for reply in (self.ask("http://h2.test/hello"),
                      self.ask_proxy("http://h2.test/hello"),
                      self.ask_proxy("http://h2.test:8080/hello"),
                      self.ask_proxy("http://h2.test.ccnproxy/hello"),
                      self.ask_proxy("http://H2.TEST.ccnproxy-https./hello")):
            self.assert_refused(reply, 403, "--deny-target h2.test")
        self.assert_refused(self.ask_proxy("http://169.254.169.254/latest"), 403,
                            "metadata")
        self.assert_refused(self.ask_proxy("http://[fe80::1]/"), 403, "link-local")
        with RawClient(nikawa, PROXY) as client:
            client.send("GET https://h2.test/ HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertTrue(client.receive_until(b"\r\n").startswith(b"HTTP/1.1 403 "))
        self.ask_proxy("http://plain.test/hello")
        self.assertEqual([seen["host"] for seen in self.nginx.log()], ["plain.test"])

    def test_a_name_that_leads_us_to_ourselves_is_refused_and_told_of(self):
        """What `--resolver` is there for."""
        file = self.with_file("[map]\nh1.test = http\n")
        self.serve_with_system_names("--allow-target", "", "--https-for", "h2.test", *file)
        self.assert_refused(self.ask("http://h1.test/hello"), 403, "our own listener",
                            "--resolver")
        self.assert_refused(self.ask("http://h2.test/hello"), 403,
                            "loopback is reached only with --allow-target", "--resolver")

    def test_what_comes_back_is_known(self):
        self.serve_with_system_names(*self.with_file("[map]\nh1.test = http\n"))
        for reply in (self.ask("http://h1.test/hello"), self.ask_proxy("http://h1.test/hello"),
                      self.ask_proxy(f"http://{PROXY}/hello"),
                      self.ask_proxy(f"http://{PROXY}.ccnproxy/hello")):
            self.assertEqual(reply.status, 508, reply)

    def test_statistics_are_those_of_whoever_is_named(self):
        self.serve(*HTTPS_FOR)
        for url in (f"http://{PROXY}/.api/stats", "http://h1.test/.api/stats"):
            self.assertIn("origins", json.loads(self.ask(url).body))
        reply = self.ask("http://h2.test/.api/stats")
        self.assertEqual((reply.status, self.nginx.log()[-1]["target"]), (404, "/.api/stats"))

    def test_the_upstream_wins(self):
        self.serve("--upstream", "http://127.0.0.1", *HTTPS_FOR)
        self.assert_reached(self.ask("http://h2.test/hello"), "plain.test", "h2.test")
        self.assert_reached(self.ask_proxy("http://h2.test/hello"), "plain.test", "h2.test")

    def test_what_is_wrong_is_said_before_the_start(self):
        file = self.with_file("[map]\nh1.test = https\n\nh1.test. = http\n")
        for options, text in (
                (["--https-for", "https://h2.test"], "--https-for=https://h2.test: must be hosts "),
                (file, f"{file[1]}:4: [map] h1.test.: would never count")):
            done = run_nikawa("--check", *options)
            self.assertEqual(done.returncode, 2)
            self.assertIn(text, done.stderr)
