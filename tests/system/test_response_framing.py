"""Responses that are not what they should be: what the client sees, and that the next exchange, on
another connection, is right."""

import re
import threading

from harness import PATIENCE, RawClient, SystemTest
from raw_origins import (END_HEADERS, END_STREAM, HEADERS, RawOrigin, RecordingH2Origin, frame,
                         literal)

OK = "HTTP/1.1 200 OK\r\n"
STALE = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nSTALE"

# name, what the origin sends before it waits for more, the reason in the access log
REFUSED = [
    *((f"status line {line!r}", line + "\r\nContent-Length: 0\r\n\r\n", "malformed") for line in (
        "HTTP/1.1 99 x", "HTTP/1.1 1000 x", "HTTP/1.1 099 x", "HTTP/1.1 20x x", "HTTP/1.1 2 00 x",
        "HTTP/1.1  200 OK", "HTTP/1.1\t200 OK", "HTTP/1.1 200OK", "HTTP/2 200", "HTTP/2.0 200 OK",
        "HTTP/1.2 200 OK", "HTTP/0.9 200 OK", "ICY 200 OK", "http/1.1 200 OK", "200 OK", "", " ",
        "HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 200 O\x00K", "HTTP/1.1 200 O\rK", "HTTP/1.1 -20 OK")),
    ("LF only", OK.replace("\r\n", "\n") + "Content-Length: 0\n\n", "malformed"),
    ("no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "malformed"),
    ("101 that nobody asked for (RFC 9110 §15.2.2)",
     "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "malformed"),
    ("1xx without end", "HTTP/1.1 103 Early Hints\r\n\r\n" * 1000, "malformed"),
    # RFC 9112 §6.3
    *((f"framing {fields!r}", OK + fields + "\r\nhello", "malformed") for fields in (
        "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5, 6\r\n",
        "Content-Length: -5\r\n", "Content-Length: 5 5\r\n", "Content-Length: 0x5\r\n",
        "Content-Length:\r\n", "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
    ("chunked on HTTP/1.0 (RFC 9112 §6.1)",
     "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "malformed"),
    # RFC 9112 §2.2, §5, RFC 9110 §5.5
    *((f"field {field!r}", OK + field + "\r\nContent-Length: 0\r\n\r\n", "malformed") for field in (
        "A: b\x00c", "A: b\rc", "A: b\nSet-Cookie: c", "A: b\x01c", "A: b\x7fc", "A b: c", ": c",
        "A", " A: b", "A\x00: b", "Connection: a b\rc")),
    ("a head without end", OK + "A: " + "b" * 100_000, "response_head_too_large"),
    ("a head of many fields", OK + "A: b\r\n" * 1000 + "\r\n", "response_head_too_large"),
    ("a status line without end", "HTTP/1.1 200 " + "x" * 100_000, "response_head_too_large"),
]

# name, what the origin sends before it closes, what is left of it for the client ("": 502)
CUT = [
    ("before the head", "", ""),
    ("in the status line", "HTTP/1.1 20", ""),
    ("in the head", OK + "Content-Length: 5\r\n", ""),
    ("after an interim head", "HTTP/1.1 103 Early Hints\r\n\r\n", ""),
    ("in a sized body", OK + "Content-Length: 10\r\n\r\nhello", "hello"),
    ("before a sized body", OK + "Content-Length: 10\r\n\r\n", ""),
    ("in a chunk", OK + "Transfer-Encoding: chunked\r\n\r\na\r\nhello", "hello"),
    ("after a chunk", OK + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "hello"),
    ("in the trailers", OK + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n", "hello"),
    ("garbage for a chunk", OK + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n", "hello"),
    ("a chunk beyond its size", OK + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n",
     "hello"),
    ("a chunk size beyond 64 bits",
     OK + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n10000000000000000\r\n", "hello"),
    ("LF in the chunks", OK + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n", "hello"),
    ("bad trailers", OK + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA b: c\r\n\r\n",
     "hello"),
]

# name, method, what the origin sends, what the client must get: a pattern for the head, and the body
PASSED = [
    ("no reason and no space", "GET", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", "200 OK\r\n", "ok"),
    ("no reason", "GET", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", "200 OK\r\n", "ok"),
    ("HTTP/1.0 until the close", "GET", "HTTP/1.0 200 OK\r\n\r\nok", "chunked", "2\r\nok\r\n0\r\n\r\n"),
    ("lengths that agree (RFC 9112 §6.3)", "GET",
     OK + "Content-Length: 2, 2\r\nContent-Length: 2\r\n\r\nok", r"OK\r\nContent-Length: 2\r\nX", "ok"),
    ("obs-fold becomes a space (RFC 9112 §5.2)", "GET",
     OK + "A: b\r\n \tc\r\nContent-Length: 2\r\n\r\nok", "\r\nA: b c\r\n", "ok"),
    ("white space before a colon goes (RFC 9112 §5.1)", "GET",
     OK + "A : b\r\nContent-Length\t: 2\r\n\r\nok", "\r\nA: b\r\nContent-Length: 2\r\n", "ok"),
    ("an odd Connection", "GET", OK + "Connection: keep alive\r\nContent-Length: 2\r\n\r\nok",
     "200 OK\r\nContent-Length", "ok"),
    ("chunks with extensions", "GET",
     OK + "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\n\r\n", "chunked", "2\r\nok\r\n0\r\n\r\n"),
    ("trailers that frame are dropped (RFC 9110 §6.5.1)", "GET",
     OK + "Transfer-Encoding: chunked\r\n\r\n0\r\nSum: 1\r\nContent-Length: 5\r\n\r\n", "chunked",
     "0\r\nSum: 1\r\n\r\n"),
    ("bytes beyond the length", "GET", OK + "Content-Length: 2\r\n\r\nok" + STALE, "200 OK", "ok"),
    ("bytes beyond the last chunk", "GET",
     OK + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + STALE, "chunked", "0\r\n\r\n"),
    ("a body of HEAD (RFC 9110 §9.3.2)", "HEAD", OK + "Content-Length: 5\r\n\r\nSTALE",
     r"\r\nContent-Length: 5\r\n", ""),
    ("a body of 204 (RFC 9110 §15.3.5)", "GET",
     "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nSTALE", "204 No Content\r\nX-", ""),
    ("a chunked body of 304 (RFC 9110 §15.4.5)", "GET",
     "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n" + "5\r\nSTALE\r\n0\r\n\r\n",
     "304 Not Modified\r\nX-", ""),
    ("interim responses first (RFC 9110 §15.2)", "GET",
     "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + OK + "Content-Length: 2\r\n\r\nok",
     "103 Early Hints\r\nLink: a\r\n", None),
]


class ScriptOrigin(RawOrigin):
    """Answers GET /well with "well", anything else with `script`: texts, and events to wait for; at
    its end the connection is closed if `closes`, else the next request is waited for."""

    def __init__(self, pair):
        self.script, self.closes = (), False
        super().__init__(pair, "http/1.1")

    def serve(self, connection):
        unread = b""
        while True:
            while b"\r\n\r\n" not in unread:
                piece = connection.recv(65536)
                if not piece:
                    return
                unread += piece
            head, _, unread = unread.partition(b"\r\n\r\n")
            if b" /well " in head.partition(b"\r\n")[0]:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell")
                continue
            for step in self.script:
                if isinstance(step, str):
                    connection.sendall(step.encode("latin-1"))
                else:
                    step.wait(PATIENCE)
            if self.closes:
                connection.unwrap()
                return


class ResponseTest(SystemTest):
    name = "odd.test"

    def ask(self, method="GET", path="/odd", version="1.1", fields="Connection: close\r\n"):
        """What comes until the close, and whether that was a reset."""
        with RawClient(self.nikawa) as client:
            client.send(f"{method} {path} HTTP/{version}\r\nHost: {self.origin.host(self.name)}\r\n"
                        f"{fields}\r\n")
            got = b""
            try:
                while piece := client.socket.recv(65536):
                    got += piece
                return got.decode("latin-1"), False
            except ConnectionResetError:
                return got.decode("latin-1"), True

    def assert_that_the_next_is_well(self):
        answer, _ = self.ask(path="/well")
        self.assertTrue(answer.startswith("HTTP/1.1 200 "), answer)
        self.assertTrue(answer.endswith("well"), answer)


class OverHttp1(ResponseTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.origin = ScriptOrigin(cls.world.certificates.issue(cls.name))
        cls.addClassCleanup(cls.origin.close)

    def setUp(self):
        self.nikawa = self.start()

    def plays(self, *script, closes=False):
        self.origin.script, self.origin.closes = script, closes

    def test_what_is_no_response_is_502(self):
        for number, (row, text, error) in enumerate(REFUSED):
            with self.subTest(row):
                self.plays(text)
                answer, _ = self.ask()
                answer = re.sub(r"^(HTTP/1.1 103 [^\r]*\r\n([^\r]+\r\n)*\r\n)*", "", answer)
                self.assertTrue(answer.startswith("HTTP/1.1 502 "), answer)
                self.assertNotIn("Set-Cookie", answer)
                self.assert_that_the_next_is_well()
                self.assertEqual(self.nikawa.access_log(2 * number + 2)[2 * number]["error"], error)

    def test_what_breaks_off_is_502_or_a_broken_transfer(self):
        for row, text, rest in CUT:
            with self.subTest(row):
                self.plays(text, closes=True)
                answer, _ = self.ask()
                if "\r\n\r\n" not in text or " 103 " in text:
                    self.assertIn("HTTP/1.1 502 ", answer)
                    self.assertTrue(answer.endswith("\n"))
                elif "chunked" in text:
                    self.assertTrue(answer.startswith(OK), answer)
                    self.assertTrue(answer.endswith(f"\r\n\r\n5\r\n{rest}\r\n"), answer)
                else:
                    self.assertTrue(answer.endswith("\r\n\r\n" + rest) or answer == "", answer)
                self.assert_that_the_next_is_well()

    def test_an_old_client_sees_a_broken_transfer_as_a_reset(self):
        for row, text, rest in CUT:
            if "chunked" not in text:
                continue
            with self.subTest(row):
                self.plays(text, closes=True)
                answer, was_reset = self.ask(version="1.0", fields="")
                self.assertTrue(was_reset, answer)
                self.assert_that_the_next_is_well()

    def test_what_can_be_read_safely_passes_and_leaves_nothing_behind(self):
        for row, method, text, head, body in PASSED:
            with self.subTest(row):
                self.plays(text, closes="HTTP/1.0" in text)
                answer, was_reset = self.ask(method)
                self.assertFalse(was_reset)
                self.assertRegex(answer, head)
                if body is not None:
                    self.assertEqual(answer.partition("\r\n\r\n")[2], body)
                self.assertNotIn("STALE", answer)
                self.assert_that_the_next_is_well()

    def test_a_connection_with_an_odd_connection_field_is_not_used_again(self):
        self.plays(OK + "Connection: keep alive\r\nContent-Length: 2\r\n\r\nok")
        before = self.origin.connections
        for _ in range(3):
            self.assertTrue(self.ask()[0].endswith("ok"))
        self.assertGreaterEqual(self.origin.connections, before + 3)

    def test_a_response_that_comes_while_nobody_asks_is_never_anyones(self):
        answered = threading.Event()
        self.plays(OK + "Content-Length: 2\r\n\r\nok", answered, STALE)
        for _ in range(10):
            answered.clear()
            ended = self.origin.ended
            self.assertTrue(self.ask()[0].endswith("\r\n\r\nok"))
            answered.set()
            self.origin.wait_for(lambda: self.origin.ended > ended, "the connection's end")
            self.assert_that_the_next_is_well()

    def test_silence_is_504_at_the_configured_time(self):
        self.nikawa = self.start("--proxy-read-timeout", "300ms")
        never = threading.Event()
        self.addCleanup(never.set)
        for text in ("", "HTTP/1.1 ", OK + "A: b\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n"):
            with self.subTest(text):
                self.plays(text, never)
                answer, _ = self.ask()
                self.assertIn("HTTP/1.1 504 ", answer)
                self.assert_that_the_next_is_well()
        for record in self.nikawa.access_log(8)[0:8:2]:
            self.assertEqual(record["error"], "response_head_timed_out")
            self.assertGreaterEqual(record["ptime"], 0.3)
            self.assertLess(record["ptime"], 3)

    def test_a_response_before_the_request_ends_is_passed_on(self):
        self.plays("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
        for framing, piece in (("Content-Length: 1000000", "x" * 1000),
                               ("Transfer-Encoding: chunked", "5\r\nhello\r\n")):
            with self.subTest(framing), RawClient(self.nikawa) as client:
                client.send(f"POST /odd HTTP/1.1\r\nHost: {self.origin.host(self.name)}\r\n"
                            f"{framing}\r\n\r\n{piece}")
                answer = client.receive_to_the_end().decode()  # the rest is not worth reading
                self.assertTrue(answer.startswith("HTTP/1.1 413 "), answer)
                self.assertIn("\r\nConnection: close\r\n", answer)
                self.assertTrue(answer.endswith("\r\n\r\nno"))
            self.assert_that_the_next_is_well()


class OverHttp2(ResponseTest):
    """RFC 9113 §8.2.1, §10.3: nothing of HTTP/2 splits a response of HTTP/1.1."""

    def test_fields_that_could_split_a_response_are_502(self):
        fields = [(b"a", value) for value in (
            b"b\r\nset-cookie: evil", b"b\nset-cookie: evil", b"b\rset-cookie: evil", b"b\0c",
            b"\r\n\r\nHTTP/1.1 200 OK")]
        fields += [(name, b"evil") for name in (
            b"a\r\nset-cookie", b"a\n", b"a\0b", b"a b", b"a:", b"", b"Set-Cookie", b"a\xff")]
        fields += [(b"connection", b"close"), (b"transfer-encoding", b"chunked"),
                   (b"keep-alive", b"timeout=5"), (b"upgrade", b"h2c"), (b":path", b"/"),
                   (b":status", b"200"), (b"content-length", b"5\r\nevil: 1")]
        self.origin = RecordingH2Origin(self.world.certificates.issue(self.name))
        self.addCleanup(self.origin.close)
        self.nikawa = self.start()
        for name, value in fields:
            with self.subTest(name=name, value=value):
                self.origin.forget()
                self.origin.answer = lambda stream, field=(name, value): frame(
                    HEADERS, END_HEADERS | END_STREAM, stream, b"\x88" + literal(*field))
                answer, _ = self.ask()
                self.assertTrue(answer.startswith("HTTP/1.1 502 "), answer)
                self.assertNotIn("evil", answer)
                self.origin.wait_for(lambda: self.origin.resets == 1, "RST_STREAM")
                self.origin.answer = lambda stream: frame(
                    HEADERS, END_HEADERS | END_STREAM, stream, b"\x88" + literal(b"a", b"fine"))
                answer, _ = self.ask()
                self.assertTrue(answer.startswith("HTTP/1.1 200 "), answer)
                self.assertIn("\r\nA: fine\r\n", answer)
        self.assertEqual(self.origin.connections, 1)  # each cost its own stream only

