"""Requests and responses through nikawa, to nginx over HTTP/2 and HTTP/1.1, by real clients."""

import http.client
import json
import os

from harness import RawClient, curl, sha256
from origins import NginxTest, ScriptedOrigin

XID = r"^[0-9a-v]{20}$"


class OriginTest(NginxTest):
    name = "h2.test"
    protocol = "HTTP/2.0"
    logged_protocol = "h2"

    def setUp(self):
        self.nginx.forget()
        self.application.requests.clear()
        self.nikawa = self.start()

    def url(self, path):
        return self.nginx.url(self.name, path)

    def ask(self, path, *options, **more):
        return curl(self.nikawa, self.url(path), *options, **more)


class OverHttp2(OriginTest):
    def test_a_get_reaches_the_origin_under_its_own_name(self):
        reply = self.ask("/hello?a=%2F&b=")
        self.assertEqual((reply.code, reply.status), (0, 200))
        self.assertEqual(reply.body, f"hello from {self.name}".encode())
        (seen,) = self.nginx.log()
        self.assertEqual(seen["protocol"], self.protocol)
        self.assertEqual(seen["host"], self.nginx.authority(self.name))
        self.assertEqual(seen["target"], "/hello?a=%2F&b=")
        self.assertRegex(seen["via"], r"^1\.1 \S+$")

    def test_the_request_id_is_the_same_for_origin_client_and_log(self):
        reply = self.ask("/hello")
        (request_id,) = reply.field("X-Chocon-Id")
        self.assertRegex(request_id, XID)
        self.assertEqual(self.nginx.log()[0]["id"], request_id)
        self.assertEqual(self.nikawa.access_log()[0]["chocon_req"], request_id)

    def test_a_request_id_that_came_is_kept(self):
        reply = self.ask("/hello", "-H", "X-Chocon-Id: mine-1")
        self.assertEqual(reply.field("X-Chocon-Id"), ["mine-1"])
        self.assertEqual(self.nginx.log()[0]["id"], "mine-1")

    def test_responses_name_us_in_via_and_have_canonical_fields(self):
        reply = self.ask("/hello")
        (via,) = reply.field("Via")
        self.assertRegex(via, r"^[12](\.[01])? \S+$")
        names = [name for name, _ in reply.fields]
        for name in ("Server", "Date", "Content-Type", "Content-Length"):
            self.assertIn(name, names)

    def test_http_1_0_clients_are_answered_and_closed(self):
        reply = self.ask("/hello", "--http1.0")
        self.assertEqual((reply.code, reply.status), (0, 200))
        self.assertEqual(reply.body, f"hello from {self.name}".encode())

    def test_head_has_a_length_and_no_body(self):
        reply = self.ask("/hello", "--head")
        self.assertEqual((reply.code, reply.status), (0, 200))
        self.assertEqual(reply.field("Content-Length"), [str(len(f"hello from {self.name}"))])

    def test_no_content_ends_with_its_head(self):
        reply = self.ask("/gone")
        self.assertEqual((reply.code, reply.status, reply.body), (0, 204, b""))
        self.assertEqual(reply.field("Content-Length"), [])

    def test_a_large_download_arrives_unchanged(self):
        content = os.urandom(10_000_000)
        self.nginx.file("large", content)
        reply = self.ask("/large")
        self.assertEqual(reply.code, 0)
        self.assertEqual(sha256(reply.body), sha256(content))

    def test_a_sized_upload_arrives_unchanged(self):
        self._upload("-H", "Expect:")

    def test_a_chunked_upload_arrives_unchanged(self):
        self._upload("-H", "Expect:", "-H", "Transfer-Encoding: chunked")

    def _upload(self, *options):
        content = os.urandom(5_000_000)
        reply = self.ask("/app/hash", "-X", "POST", *options, "--data-binary", "@-", data=content)
        self.assertEqual((reply.code, reply.status), (0, 200))
        got = json.loads(reply.body)
        self.assertEqual((got["bytes"], got["sha256"]), (len(content), sha256(content)))
        self.assertEqual(self.nikawa.access_log()[0]["request_size"], len(content))

    def test_expect_is_answered_by_us_and_not_sent_on(self):
        content = os.urandom(2_000_000)
        reply = self.ask("/app/hash", "-v", "-H", "Expect: 100-continue", "--data-binary", "@-",
                         data=content)
        self.assertEqual((reply.code, reply.status), (0, 200))
        self.assertIn("< HTTP/1.1 100 Continue", reply.log)
        self.assertEqual(json.loads(reply.body)["sha256"], sha256(content))
        self.assertEqual(self.nginx.log()[0]["expect"], "")

    def test_pipelined_requests_are_answered_in_order(self):
        host = self.url("/").split("/")[2]
        requests = "".join(f"GET /echo?token=answer{number} HTTP/1.1\r\nHost: {host}\r\n"
                           f"Connection: {'close' if number == 49 else 'keep-alive'}\r\n\r\n"
                           for number in range(50))
        with RawClient(self.nikawa) as client:
            text = client.send(requests).receive_to_the_end().decode()
        places = [text.index(f"answer{number}") for number in range(50)]
        self.assertEqual(places, sorted(places))

    def test_the_origins_connections_are_shared_by_new_client_connections(self):
        host = self.url("/").split("/")[2]
        for _ in range(1000):
            connection = http.client.HTTPConnection("127.0.0.1", self.nikawa.port)
            connection.request("GET", "/hello", headers={"Host": host})
            self.assertEqual(connection.getresponse().read(), f"hello from {self.name}".encode())
            connection.close()
        used = {seen["connection"] for seen in self.nginx.log(1000)}
        self.assertLessEqual(len(used), 2)  # after 900 requests a connection is replaced

    def test_the_access_log_says_how_it_went(self):
        self.ask("/hello")
        self.ask("/hello")
        first, second = self.nikawa.access_log(2)
        self.assertFalse(first["reused"])
        self.assertTrue(second["reused"])
        for record in (first, second):
            self.assertEqual(record["proto"], self.logged_protocol)
            self.assertEqual(record["origin"], "https://" + self.nginx.authority(self.name))
            self.assertEqual(record["status"], 200)


class OverHttp1(OverHttp2):
    name = "h1.test"
    protocol = "HTTP/1.1"
    logged_protocol = "http/1.1"

    def test_without_http2_an_http2_origin_is_asked_over_http1(self):
        nikawa = self.start("--no-http2")
        self.assertEqual(curl(nikawa, self.nginx.url("h2.test", "/hello")).status, 200)
        self.assertEqual(self.nginx.log()[0]["protocol"], "HTTP/1.1")


class OtherWays(OriginTest):
    def test_a_plain_http_origin_is_reached_by_its_own_marker(self):
        reply = curl(self.nikawa, self.nginx.url("plain.test", "/hello", "ccnproxy"))
        self.assertEqual((reply.status, reply.body), (200, b"hello from plain.test"))

    def test_what_follows_the_marker_is_ignored_and_case_does_not_matter(self):
        for marker in ("CCNPROXY-HTTPS.local", "ccnproxy-ssl.a.b", "ccnproxy-secure."):
            with self.subTest(marker=marker):
                reply = curl(self.nikawa, self.nginx.url("h2.test", "/hello", marker))
                self.assertEqual(reply.status, 200)

    def test_upstream_takes_everything_and_keeps_the_host(self):
        nikawa = self.start("--upstream", "http://" + self.nginx.authority("plain.test"))
        reply = curl(nikawa, "http://some.name.example/echo?token=x")
        self.assertEqual((reply.status, reply.body), (200, b"x"))
        self.assertEqual(self.nginx.log()[0]["host"], "some.name.example")

    def test_a_clients_close_does_not_close_the_origins_connection(self):
        for _ in range(3):
            curl(self.nikawa, self.nginx.url("h1.test", "/hello"), "-H", "Connection: close")
        self.assertEqual(len({seen["connection"] for seen in self.nginx.log(3)}), 1)

    def test_connection_fields_stay_on_their_connection(self):
        origin = ScriptedOrigin(self.world.certificates.issue("scripted.test"))
        self.addCleanup(origin.close)
        reply = curl(self.nikawa, origin.url("scripted.test", "/hash"), "-H", "Connection: X-Mine",
                     "-H", "X-Mine: 1", "-H", "Keep-Alive: 5", "-H", "X-Mixed-CASE: kept")
        fields = dict(json.loads(reply.body)["fields"])
        self.assertEqual(fields.get("X-Mixed-CASE"), "kept")
        self.assertNotIn("X-Mine", fields)
        self.assertNotIn("Keep-Alive", fields)

    def test_an_origins_close_does_not_close_the_clients_connection(self):
        origin = ScriptedOrigin(self.world.certificates.issue("closing.test"))
        self.addCleanup(origin.close)
        host = f"closing.test.ccnproxy-https:{origin.port}"
        connection = http.client.HTTPConnection("127.0.0.1", self.nikawa.port)
        self.addCleanup(connection.close)
        for _ in range(2):
            connection.request("GET", "/closing", headers={"Host": host})
            response = connection.getresponse()
            self.assertEqual(response.read(), b"the last one")
            self.assertFalse(response.will_close)
