"""What clients see when something is wrong: with the request, the origin, or the client itself."""

import socket

from harness import PATIENCE, RawClient, curl, free_port, wait_until
from origins import NginxTest, ScriptedOrigin


class Failures(NginxTest):
    def setUp(self):
        self.nginx.forget()
        self.application.release.clear()
        self.application.hung_up.clear()
        self.nikawa = self.start()

    def assert_answer(self, reply, status, error=None):
        self.assertEqual((reply.code, reply.status), (0, status), reply.log)
        self.assertEqual(len(reply.field("X-Chocon-Id")), 1)
        self.assertIn(reply.field("X-Chocon-Id")[0], reply.body.decode())
        self.assertTrue(reply.field("Content-Type")[0].startswith("text/plain"))
        if error:
            self.assertRegex(reply.field("Proxy-Status")[0], rf"; ?error={error}\b")

    def scripted(self, name):
        origin = ScriptedOrigin(self.world.certificates.issue(name))
        self.addCleanup(origin.close)
        return origin

    def test_a_response_cut_short_is_a_broken_transfer(self):
        origin = self.scripted("short.test")
        for path in ("/short-sized", "/short-chunked"):
            with self.subTest(path=path):
                reply = curl(self.nikawa, origin.url("short.test", path))
                self.assertEqual(reply.code, 18)  # transfer closed with outstanding data
                self.assertEqual(reply.body, b"only this")

    def test_an_origin_that_refuses_is_502(self):
        port = free_port()
        reply = curl(self.nikawa, f"http://a.test.ccnproxy-https:{port}/")
        self.assert_answer(reply, 502, "connection_refused")
        record = self.nikawa.access_log()[0]
        self.assertEqual((record["error"], record["origin_addr"], record["attempts"]),
                         ("connect_failed", f"127.0.0.1:{port}", 0))

    def test_a_name_that_nobody_has_is_502(self):
        reply = curl(self.nikawa, "http://missing.test.ccnproxy-https:8443/")
        self.assert_answer(reply, 502, "dns_error")

    def test_a_certificate_by_nobody_we_trust_is_502(self):
        reply = curl(self.nikawa, self.nginx.url("self-signed.test", "/hello"))
        self.assert_answer(reply, 502, "tls_certificate_error")
        record = self.nikawa.access_log()[0]
        self.assertEqual(record["error"], "tls_certificate_rejected")
        self.assertIn("127.0.0.1:", record["origin_addr"])

    def test_a_certificate_for_another_name_is_502(self):
        origin = self.scripted("one.test")
        reply = curl(self.nikawa, origin.url("another.test", "/hash"))
        self.assert_answer(reply, 502, "tls_certificate_error")
        self.assertEqual(origin.requests, [])

    def test_insecure_takes_any_certificate(self):
        nikawa = self.start("--insecure")
        reply = curl(nikawa, self.nginx.url("self-signed.test", "/hello"))
        self.assertEqual((reply.code, reply.status), (0, 200))

    def test_an_origin_that_stays_silent_is_504(self):
        nikawa = self.start("--proxy-read-timeout", "200ms")
        reply = curl(nikawa, self.nginx.url("h2.test", "/app/held"))
        self.assert_answer(reply, 504, "http_response_timeout")

    def test_a_host_that_is_no_origin_is_400_and_says_what_was_expected(self):
        for host in ("example.com", "ccnproxy-https", "a.test.ccnproxy-https:0"):
            with self.subTest(host=host):
                reply = curl(self.nikawa, "http://x/", "-H", "Host: " + host)
                self.assert_answer(reply, 400)
                self.assertIn(f"[Host: {host}]", reply.body.decode())
                self.assertIn("ccnproxy-https", reply.body.decode())

    def test_a_client_that_speaks_tls_to_us_is_known_by_the_log(self):
        reply = curl(self.nikawa, f"https://127.0.0.1:{self.nikawa.port}/")
        self.assertEqual(reply.code, 35)  # the handshake failed
        record = self.nikawa.access_log()[0]
        self.assertEqual(record["error"], "bad_head")
        self.assertIn("speaks TLS to a plain-HTTP port", record["error_detail"])

    def test_a_request_that_comes_back_to_us_is_508(self):
        nikawa = self.start("--keep-own-port")
        reply = curl(nikawa, f"http://us.test.ccnproxy:{nikawa.port}/")
        self.assert_answer(reply, 508)

    def test_a_bad_head_is_400_and_closes(self):
        with RawClient(self.nikawa) as client:
            text = client.send("GET / HTTP/1.1\r\nHost: a\r\nBad Name: 1\r\n\r\n")
            text = text.receive_to_the_end().decode()
        self.assertTrue(text.startswith("HTTP/1.1 400 "), text)
        self.assertIn("\r\nConnection: close\r\n", text)

    def test_a_head_beyond_the_limits_is_431(self):
        nikawa = self.start("--max-head-bytes", 4096, "--max-request-line-bytes", 1024)
        reply = curl(nikawa, self.nginx.url("h2.test", "/hello"), "-H", "X: " + "x" * 5000)
        self.assertEqual(reply.status, 431)
        reply = curl(nikawa, self.nginx.url("h2.test", "/hello?" + "x" * 2000))
        self.assertEqual(reply.status, 414)

    def test_a_client_that_hangs_up_cancels_over_http2_and_the_session_stays(self):
        self._hang_up("h2.test")
        curl(self.nikawa, self.nginx.url("h2.test", "/hello"))
        held, after = self.nginx.log(2)
        self.assertEqual(held["connection"], after["connection"])

    def test_a_client_that_hangs_up_cancels_over_http1(self):
        self._hang_up("h1.test")

    def _hang_up(self, name):
        url = self.nginx.url(name, "/app/held")
        with RawClient(self.nikawa) as client:
            client.send(f"GET /app/held HTTP/1.1\r\nHost: {url.split('/')[2]}\r\n\r\n")
            self.assertTrue(self.application.arrived.acquire(timeout=PATIENCE))
        self.assertTrue(self.application.hung_up.wait(PATIENCE))
        self.assertEqual(self.nginx.log()[0]["status"], 499)
        self.assertEqual(self.nikawa.access_log()[0]["status"], 499)

    def test_an_upload_that_breaks_off_is_never_complete_at_the_origin(self):
        origin = self.scripted("upload.test")
        host = f"upload.test.ccnproxy-https:{origin.port}"
        with RawClient(self.nikawa) as client:
            client.send(f"POST /hash HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "5\r\nhello\r\n")
            wait_until(lambda: origin.requests, "the head at the origin")
            client.socket.shutdown(socket.SHUT_RDWR)
        self.assertEqual(self.nikawa.access_log()[0]["status"], 499)
