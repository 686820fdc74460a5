"""Clients that speak HTTP/2 without TLS (RFC 9113 §3.3): curl, nghttp2's, and gRPC both ways."""

import concurrent.futures
import signal
import subprocess
import sys
import threading
import unittest

from harness import PATIENCE, SystemTest, accepts, clean_environment, curl, sha256, wait_until
from origins import NginxTest

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's, should another python run this
try:
    import grpc
except ImportError:
    grpc = None

PRIOR_KNOWLEDGE = "--http2-prior-knowledge"


class OverHttp2(NginxTest):
    def setUp(self):
        self.nginx.forget()
        self.nikawa = self.start()

    def ask(self, path, *options, name="h2.test", **more):
        return curl(self.nikawa, self.nginx.url(name, path), PRIOR_KNOWLEDGE, *options, **more)

    def test_a_get_reaches_origins_of_both_kinds(self):
        for name, protocol in (("h2.test", "HTTP/2.0"), ("h1.test", "HTTP/1.1")):
            with self.subTest(origin=name):
                self.nginx.forget()
                reply = self.ask("/hello?a=%2F", "--write-out", "%{stderr}HTTP/%{http_version}",
                                 name=name)
                self.assertEqual((reply.code, reply.status), (0, 200))
                self.assertEqual(reply.log, "HTTP/2")
                self.assertEqual(reply.body, f"hello from {name}".encode())
                (seen,) = self.nginx.log()
                self.assertEqual(seen["protocol"], protocol)
                self.assertEqual(seen["host"], self.nginx.authority(name))
                self.assertRegex(seen["via"], r"^2 \S+$")
                self.assertEqual(reply.field("x-chocon-id"), [seen["id"]])

    def test_bodies_of_any_length_pass_both_ways(self):
        for size in (0, 1, 65536, 5_000_000):
            for framing in ((), ("-H", "Content-Length:")):
                with self.subTest(size=size, framing=framing):
                    body = (b"%d " % size * size)[:size]
                    reply = self.ask("/app/hash", "--data-binary", "@-", *framing, data=body)
                    self.assertEqual((reply.code, reply.status), (0, 200))
                    self.assertIn(sha256(body).encode(), reply.body)

    def test_what_cannot_be_forwarded_is_answered_and_the_connection_stays(self):
        done = subprocess.run(
            ["nghttp", "-v", "--no-dep", "-H", ":authority: nobody.test",
             self.nikawa.url + "/1", self.nikawa.url + "/2"],
            capture_output=True, text=True, timeout=60, env=clean_environment())
        self.assertEqual(done.stdout.count(":status: 400"), 2, done.stdout)
        self.assertNotIn("recv GOAWAY", done.stdout)

    def test_a_body_that_is_too_large_is_refused(self):
        nikawa = self.start("--max-body-bytes", "1000")
        for framing in ((), ("-H", "Content-Length:")):
            with self.subTest(framing=framing):
                reply = curl(nikawa, self.nginx.url("h2.test", "/app/hash"), PRIOR_KNOWLEDGE,
                             "--data-binary", "@-", *framing, data=b"x" * 100_000)
                self.assertEqual(reply.status, 413)

    def test_many_streams_of_one_connection(self):
        done = subprocess.run(
            ["h2load", "-n", "2000", "-c", "2", "-m", "100", "--connect-to",
             f"127.0.0.1:{self.nikawa.port}", self.nginx.url("h2.test", "/hello")],
            capture_output=True, text=True, timeout=60, env=clean_environment())
        self.assertIn("2000 succeeded, 0 failed, 0 errored", done.stdout, done.stderr)
        self.assertIn("status codes: 2000 2xx", done.stdout)

    def test_requests_at_once_do_not_wait_for_one_another(self):
        held = self.nginx.url("h2.test", "/app/held")
        self.application.release.clear()
        self.addCleanup(self.application.release.set)
        client = subprocess.Popen(
            ["curl", "-q", "-sS", "--parallel", "--parallel-immediate", PRIOR_KNOWLEDGE,
             "--noproxy", "*", "--connect-to", f"::127.0.0.1:{self.nikawa.port}", held,
             self.nginx.url("h2.test", "/hello")],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=clean_environment())
        self.addCleanup(client.stdout.close)
        self.addCleanup(client.wait)
        self.assertTrue(self.application.arrived.acquire(timeout=PATIENCE))
        self.assertEqual(self.nikawa.access_log()[0]["uri"], "/hello")
        self.application.release.set()
        self.assertIn(b"released", client.communicate(timeout=PATIENCE)[0])

    def test_a_cut_response_never_looks_whole(self):
        for path in ("/app/short_sized", "/app/short_chunked"):
            with self.subTest(path=path):
                self.assertNotEqual(self.ask(path).code, 0)

    def test_terminating_finishes_the_streams_in_flight(self):
        self.application.release.clear()
        self.addCleanup(self.application.release.set)
        client = subprocess.Popen(
            ["nghttp", "-v", "--no-dep", f"http://127.0.0.1:{self.nikawa.port}/app/held",
             "-H", ":authority: " + self.nginx.url("h2.test", "/").split("/")[2]],
            stdout=subprocess.PIPE, text=True, env=clean_environment())
        self.addCleanup(client.stdout.close)
        self.addCleanup(client.wait)
        self.assertTrue(self.application.arrived.acquire(timeout=PATIENCE))
        self.nikawa.process.send_signal(signal.SIGTERM)
        address = f"127.0.0.1:{self.nikawa.port}"
        wait_until(lambda: not accepts(address), "the listening socket to close")
        self.application.release.set()
        text = client.communicate(timeout=PATIENCE)[0]
        self.assertIn("released", text)
        self.assertRegex(text, r"recv GOAWAY[^[]*last_stream_id=2147483647")
        self.assertEqual(self.nikawa.wait(), 0)


SERVICE = "/test.Echo/"


class EchoService(grpc.GenericRpcHandler if grpc else object):
    """What gRPC's four kinds of call do, of bytes."""

    def __init__(self):
        self.calls_cancelled = threading.Semaphore(0)
        self._kinds = {
            "unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "server": grpc.unary_stream_rpc_method_handler(self.server),
            "client": grpc.stream_unary_rpc_method_handler(self.client),
            "both": grpc.stream_stream_rpc_method_handler(self.both),
            "refused": grpc.unary_unary_rpc_method_handler(self.refused),
            "endless": grpc.unary_stream_rpc_method_handler(self.endless),
        }

    def service(self, details):
        return self._kinds.get(details.method.removeprefix(SERVICE))

    def unary(self, request, context):
        context.set_trailing_metadata((("x-bytes", str(len(request))),))
        return request

    def server(self, request, _):
        for i in range(int(request)):
            yield b"%d" % i

    def client(self, requests, _):
        return b",".join(requests)

    def both(self, requests, _):
        for request in requests:
            yield request.upper()

    def refused(self, _, context):
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "no more of this")

    def endless(self, _, context):
        context.add_callback(self.calls_cancelled.release)
        while context.is_active():
            yield b"x" * 1000


@unittest.skipUnless(grpc, "python3-grpcio is not there")
class Grpc(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        pem, key = cls.world.certificates.issue("grpc.test")
        with open(pem, "rb") as certificate, open(key, "rb") as secret:
            credentials = grpc.ssl_server_credentials([(secret.read(), certificate.read())])
        cls.service = EchoService()
        cls.server = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
        cls.server.add_generic_rpc_handlers((cls.service,))
        cls.port = cls.server.add_secure_port("127.0.0.1:0", credentials)
        cls.server.start()
        cls.addClassCleanup(lambda: cls.server.stop(0).wait(PATIENCE))

    def setUp(self):
        self.nikawa = self.start()
        self.channel = grpc.insecure_channel(
            f"127.0.0.1:{self.nikawa.port}",
            options=[("grpc.default_authority", f"grpc.test.ccnproxy-https:{self.port}"),
                     ("grpc.enable_http_proxy", 0)])
        self.addCleanup(self.channel.close)

    def test_unary_calls_with_their_trailers(self):
        for message in (b"", b"hello", b"x" * 3_000_000):
            with self.subTest(size=len(message)):
                reply, call = self.channel.unary_unary(SERVICE + "unary").with_call(
                    message, timeout=PATIENCE)
                self.assertEqual(reply, message)
                self.assertIn(("x-bytes", str(len(message))), call.trailing_metadata())

    def test_a_status_without_a_message(self):
        for method, code in (("refused", grpc.StatusCode.RESOURCE_EXHAUSTED),
                             ("unknown", grpc.StatusCode.UNIMPLEMENTED)):
            with self.subTest(method=method), self.assertRaises(grpc.RpcError) as raised:
                self.channel.unary_unary(SERVICE + method)(b"", timeout=PATIENCE)
            self.assertEqual(raised.exception.code(), code)

    def test_streams_of_messages_each_way(self):
        replies = self.channel.unary_stream(SERVICE + "server")(b"2000", timeout=PATIENCE)
        self.assertEqual(list(replies), [b"%d" % i for i in range(2000)])
        messages = [b"%d" % i for i in range(2000)]
        reply = self.channel.stream_unary(SERVICE + "client")(iter(messages), timeout=PATIENCE)
        self.assertEqual(reply, b",".join(messages))

    def test_a_conversation_goes_on_message_by_message(self):
        answered = threading.Semaphore(1)

        def messages():
            for i in range(50):  # each only when the one before was answered
                answered.acquire(timeout=PATIENCE)
                yield b"message %d" % i

        got = []
        for reply in self.channel.stream_stream(SERVICE + "both")(messages(), timeout=PATIENCE):
            got.append(reply)
            answered.release()
        self.assertEqual(got, [b"MESSAGE %d" % i for i in range(50)])

    def test_a_hundred_conversations_on_one_connection(self):
        call = self.channel.unary_unary(SERVICE + "unary")
        waiting = [call.future(b"%d" % i, timeout=PATIENCE) for i in range(100)]
        self.assertEqual([one.result() for one in waiting], [b"%d" % i for i in range(100)])

    def test_a_cancelled_call_ends_at_the_origin_and_alone(self):
        call = self.channel.unary_stream(SERVICE + "endless")(b"", timeout=PATIENCE)
        next(call)
        call.cancel()
        self.assertTrue(self.service.calls_cancelled.acquire(timeout=PATIENCE))
        self.assertEqual(self.channel.unary_unary(SERVICE + "unary")(b"on", timeout=PATIENCE),
                         b"on")

    def test_the_log_has_a_line_for_each_call(self):
        self.channel.unary_unary(SERVICE + "unary")(b"hello", timeout=PATIENCE)
        (record,) = self.nikawa.access_log()
        self.assertEqual((record["method"], record["uri"], record["status"]),
                         ("POST", SERVICE + "unary", 200))


if __name__ == "__main__":
    unittest.main()
