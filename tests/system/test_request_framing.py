"""Requests that two parsers could read in two ways: refused, the connection closed, and no byte of
them at an origin, whichever protocol it speaks."""

import re

from harness import RawClient, SystemTest
from raw_origins import RecordingH2Origin, RecordingOrigin

HOST = "Host: {host}\r\n"
SMUGGLED = "GET /smuggled HTTP/1.1\r\n" + HOST + "\r\n"
CHUNKED = "POST /a HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n"


def get(line="GET /a HTTP/1.1", fields="", host=HOST):
    return f"{line}\r\n{host}{fields}\r\n"


def post(fields, body="", version="1.1"):
    return f"POST /a HTTP/{version}\r\n{HOST}{fields}\r\n{body}"


def with_host(value):
    return get(host=f"Host: {value}\r\n")


TE, FIVE = "Transfer-Encoding: chunked\r\n", "Content-Length: 5\r\n"
LAST = "0\r\n\r\n"

# name, request ("{host}" and "{name}" and "{port}" stand for the origin), status
REFUSED = [
    # RFC 9112 §6.1, §6.3, §11.2: lengths and codings
    ("TE then CL", post(TE + FIVE, LAST + SMUGGLED), 400),
    ("CL then TE", post(FIVE + TE, LAST + SMUGGLED), 400),
    ("CL 0 and TE", post("Content-Length: 0\r\n" + TE, LAST), 400),
    *((f"TE {value!r}", post(f"Transfer-Encoding:{value}\r\n", LAST + SMUGGLED), 400) for value in (
        " gzip, chunked", " chunked, chunked", " identity", " xchunked", " chunked;q=1", " ", "",
        " chunked, identity", " chunked,", " ,chunked", ' "chunked"', " chun\tked", " chunk",
        "\x0bchunked", " chunked\x0b", "\x0cchunked", " chunked\x00", " chunked\r", "\x85chunked",
        "\xa0chunked", "\r\n chunked")),
    *((f"TE {value!r} and CL", post(f"Transfer-Encoding: {value}\r\n" + FIVE, "hello"), 400)
      for value in ("identity", "xchunked", "gzip", "")),
    ("two TE lines", post(TE + TE, LAST), 400),
    ("TE gzip, TE chunked", post("Transfer-Encoding: gzip\r\n" + TE, LAST), 400),
    ("TE on HTTP/1.0 (RFC 9112 §6.1)", post(TE, LAST + SMUGGLED, "1.0"), 400),
    ("CL twice, the same", post(FIVE + FIVE, "hello"), 400),
    ("CL twice, different", post(FIVE + "Content-Length: 6\r\n", "hello!"), 400),
    *((f"CL {value!r}", post(f"Content-Length:{value}\r\n", "hello" + SMUGGLED), 400) for value in (
        " 5, 5", " 5, 6", " +5", " -5", " 0x5", " 5 5", "  5 5", " 18446744073709551616", "", " ",
        " 5,", " 5;", " 5.0", " 1e1", " five", "\x0b5", " 5\x0b", " 5\x00", " \xb2", " 5\r")),
    # RFC 9112 §2.2: line ends
    ("LF after the request line", get().replace("1.1\r\n", "1.1\n", 1), 400),
    ("LF after a field", get(fields="A: b\nC: d\r\n"), 400),
    ("LF at the end", get()[:-2] + "\n", 400),
    ("LF in a value", get(fields="A: b\nTransfer-Encoding: chunked\r\n"), 400),
    ("CR in a value", get(fields="A: b\rTransfer-Encoding: chunked\r\n"), 400),
    ("CR in the request line", get("GET /a\r HTTP/1.1"), 400),
    ("CR at the end of a field", get(fields="A: b\r\r\n"), 400),
    ("two empty lines before", "\r\n\r\n" + get(), 400),
    ("LF before", "\n" + get(), 400),
    ("space before", " " + get(), 400),
    # RFC 9112 §5.1, §5.2: fields
    ("space before a colon", get(fields="A : b\r\n"), 400),
    ("tab before a colon", get(fields="A\t: b\r\n"), 400),
    ("CL with space before the colon", post("Content-Length : 5\r\n", "hello"), 400),
    ("TE with space before the colon", post("Transfer-Encoding : chunked\r\n", LAST), 400),
    ("space before the first field (RFC 9112 §2.2)", "GET /a HTTP/1.1\r\n " + HOST + "\r\n", 400),
    ("obs-fold", get(fields="A: b\r\n c\r\n"), 400),
    ("obs-fold with a tab", get(fields="A: b\r\n\tTransfer-Encoding: chunked\r\n"), 400),
    ("obs-fold of nothing", get(fields="A: b\r\n \r\n"), 400),
    *((f"byte {byte:#04x} in a value", get(fields=f"A: b{chr(byte)}c\r\n"), 400)
      for byte in [*range(0x20), 0x7f] if byte not in (0x09, 0x0a)),
    *((f"byte {byte:#04x} in a name", get(fields=f"A{chr(byte)}b: c\r\n"), 400)
      for byte in [*range(0x21), 0x7f, *b'"(),/;<=>?@[\\]{}', 0x80, 0xff] if byte != 0x0a),
    ("no name", get(fields=": b\r\n"), 400),
    ("no colon", get(fields="Ab\r\n"), 400),
    (":authority", get(fields=":authority: evil.test\r\n"), 400),
    (":path", get(fields=":path: /smuggled\r\n"), 400),
    ("too large a head", get(fields="A: " + "b" * 70_000 + "\r\n"), 431),
    ("too many fields", get(fields="A: b\r\n" * 300), 431),
    # RFC 9112 §3: the request line
    ("method with a slash", get("G/T /a HTTP/1.1"), 400),
    ("method with a colon", get("GET: /a HTTP/1.1"), 400),
    ("no method", get(" /a HTTP/1.1"), 400),
    ("tab in the request line", get("GET\t/a HTTP/1.1"), 400),
    ("two spaces before the target", get("GET  /a HTTP/1.1"), 400),
    ("two spaces after the target", get("GET /a  HTTP/1.1"), 400),
    ("space after the version", get("GET /a HTTP/1.1 "), 400),
    ("space in the target", get("GET /a b HTTP/1.1"), 400),
    ("NUL in the target", get("GET /a\x00 HTTP/1.1"), 400),
    ("control byte in the target", get("GET /a\x1f HTTP/1.1"), 400),
    ("DEL in the target", get("GET /a\x7f HTTP/1.1"), 400),
    ("fragment", get("GET /a#b HTTP/1.1"), 400),
    ("fragment in absolute-form", get("GET http://{host}/a#b HTTP/1.1"), 400),
    ("asterisk of a GET", get("GET * HTTP/1.1"), 400),
    ("relative target", get("GET a HTTP/1.1"), 400),
    ("target of another scheme", get("GET ftp://{host}/a HTTP/1.1"), 400),
    ("target of a scheme that only begins as ours", get("GET httpsx://{host}/a HTTP/1.1"), 400),
    ("too long a target", get("GET /" + "a" * 20_000 + " HTTP/1.1"), 414),
    ("HTTP/1.2", get("GET /a HTTP/1.2"), 505),
    ("HTTP/2.0", get("GET /a HTTP/2.0"), 505),
    ("HTTP/0.9", get("GET /a HTTP/0.9"), 505),
    ("HTTP/0.9's request line", "GET /a\r\n\r\n", 400),
    ("http/1.1", get("GET /a http/1.1"), 400),
    ("HTTP/1.10", get("GET /a HTTP/1.10"), 400),
    ("almost the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n", 505),
    ("a TLS ClientHello", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", 400),
    # RFC 9112 §3.2, RFC 9110 §7.2: Host
    ("no Host", get(host=""), 400),
    ("two Hosts", get(host=HOST + HOST), 400),
    ("two Hosts, one empty", get(host="Host:\r\n" + HOST), 400),
    ("two Hosts on HTTP/1.0", get("GET /a HTTP/1.0", host=HOST + HOST), 400),
    *((f"Host {value!r}", with_host(value), 400) for value in (
        "", "user@{host}", "user:secret@{host}", "{host}/a", "{host}?a", "{host}#a", "{host} ,",
        "a b.{host}", "{name}.ccnproxy-https :{port}", "{host},{host}", "{host}, evil.test",
        "%61{host}", "{name}%2eccnproxy-https:{port}", "{name}%00.ccnproxy-https:{port}", "http://{host}",
        "{name}.ccnproxy-https:0", "{name}.ccnproxy-https:65536", "{name}.ccnproxy-https:-1",
        "{name}.ccnproxy-https:abc", "{name}.ccnproxy-https::", "{name}.ccnproxy-https:+{port}",
        "{name}.ccnproxy-https:{port}:{port}", "{name}.ccnproxy-https:0x1bb", "{name}\\.ccnproxy-https:{port}",
        ".{host}", "a..{host}", "\xc3\xbc.{host}", "[::1]:{port}", "{name}:{port}")),
    # RFC 9112 §3.2.2: absolute-form
    ("userinfo in absolute-form", get("GET http://user@{host}/a HTTP/1.1"), 400),
    ("userinfo in absolute-form of https", get("GET https://user@{host}/a HTTP/1.1"), 400),
    ("list in absolute-form", get("GET https://{host},evil.test/a HTTP/1.1"), 400),
    ("empty host in absolute-form (RFC 9110 §4.2.1)", get("GET http:///a HTTP/1.1"), 400),
    ("absolute-form beside a bad Host", get("GET http://{host}/a HTTP/1.1", host="Host: a b\r\n"), 400),
    ("absolute-form without Host", get("GET http://{host}/a HTTP/1.1", host=""), 400),
    ("absolute-form and two Hosts", get("GET http://{host}/a HTTP/1.1", host=HOST + HOST), 400),
    # RFC 9110 §9.3.6, §7.6.2, §10.1.1
    ("CONNECT to a port that is not for it", get("CONNECT {name}:{port} HTTP/1.1"), 403),
    ("CONNECT without a port", get("CONNECT {name} HTTP/1.1"), 400),
    ("CONNECT with a path", get("CONNECT /a HTTP/1.1"), 400),
    ("CONNECT with a body", get("CONNECT {name}:443 HTTP/1.1", "Content-Length: 5\r\n"), 400),
    ("Max-Forwards that is none", get("OPTIONS /a HTTP/1.1", "Max-Forwards: -1\r\n"), 400),
    ("two Max-Forwards", get("TRACE /a HTTP/1.1", "Max-Forwards: 5\r\n" * 2), 400),
    ("Expect that is unknown", post("Expect: 200-ok\r\n" + FIVE, "hello"), 417),
    ("Connection that is no list", get(fields="Connection: a b\r\n"), 400),
]

# Bodies whose framing breaks after the head was good: no origin ever sees such a request whole.
BROKEN_BODIES = [(name, CHUNKED + body + SMUGGLED) for name, body in (
    ("chunk size beyond 64 bits", "10000000000000000\r\nhello\r\n" + LAST),
    ("chunk size of many zeros", "0" * 17 + "5\r\nhello\r\n" + LAST),
    ("chunk size 0x5", "0x5\r\nhello\r\n" + LAST),
    ("chunk size -5", "-5\r\nhello\r\n" + LAST),
    ("chunk size +5", "+5\r\nhello\r\n" + LAST),
    ("space before a chunk size", " 5\r\nhello\r\n" + LAST),
    ("space after a chunk size", "5 \r\nhello\r\n" + LAST),
    ("no chunk size", "\r\nhello\r\n" + LAST),
    ("LF in the chunk-size line", "5\nhello\r\n" + LAST),
    ("CR in the chunk-size line", "5\r\r\nhello\r\n" + LAST),
    ("LF in a chunk extension", "5;a\nb\r\nhello\r\n" + LAST),
    ("CR in a chunk extension", "5;a\rb\r\nhello\r\n" + LAST),
    ("NUL in a chunk extension", "5;a\x00\r\nhello\r\n" + LAST),
    ("LF after chunk data", "5\r\nhello\n" + LAST),
    ("CR after chunk data", "5\r\nhello\r" + LAST),
    ("nothing after chunk data", "5\r\nhello" + LAST),
    ("more data than the chunk's size", "5\r\nhello!\r\n" + LAST),
    ("a long chunk extension", "5;" + "e" * 300 + "\r\nhello\r\n" + LAST),
    ("many chunk extensions (RFC 9112 §7.1.1)", ("1;" + "e" * 250 + "\r\nx\r\n") * 70 + LAST),
    ("LF after the last chunk", "0\r\n\n"),
    ("bad name in the trailers", "0\r\nA b: c\r\n\r\n"),
    ("obs-fold in the trailers", "0\r\nA: b\r\n c\r\n\r\n"),
    ("two framings in the trailers", "0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
    ("CR in the trailers", "0\r\nA: b\rc\r\n\r\n"),
)]

# name, request, what must and what must not be in the bytes of the one request that the HTTP/1.1
# origin gets (in lower case)
PASSED = [
    ("one empty line before (RFC 9112 §2.2)", "\r\n" + get(), "get /a http/1.1\r\n", "\n\r\nget"),
    ("//x as it came", get("GET //x HTTP/1.1"), "get //x http/1.1\r\n", "\0"),
    ("UTF-8 in the target as it came", get("GET /\xc3\xbc HTTP/1.1"), "get /\xc3\xbc http", "%c3"),
    ("percent-encoding as it came (RFC 9110 §7.7)", get("GET /%2e%2E/a?%41 HTTP/1.1"),
     "get /%2e%2e/a?%41 http/1.1\r\n", "\0"),
    ("the Host of absolute-form wins (RFC 9112 §3.2.2)",
     get("GET http://{host}/a HTTP/1.1", host="Host: evil.ccnproxy-https\r\n"),
     "get /a http/1.1\r\nhost: {name}:{port}\r\n", "evil"),
    ("absolute-form without a path (RFC 9110 §7.7)", get("GET http://{host} HTTP/1.1"),
     "get / http/1.1\r\n", "http://"),
    ("absolute-form of OPTIONS without a path (RFC 9112 §3.2.4)",
     get("OPTIONS http://{host} HTTP/1.1"), "options * http/1.1\r\n", "http://"),
    ("HTTP/1.0 goes on as 1.1 (RFC 9110 §2.5)", get("GET /a HTTP/1.0"), "get /a http/1.1\r\n",
     "http/1.0\r\n"),
    ("a request in a body is a body", post(f"Content-Length: {len('GET /smuggled HTTP/1.1')}\r\n",
                                           "GET /smuggled HTTP/1.1"),
     "\r\n\r\nget /smuggled http/1.1", "\0"),
    ("a length with zeros before it", post("Content-Length: 005\r\n", "hello"),
     "\r\ncontent-length: 5\r\n", "005"),
    ("white space around chunked", post("Transfer-Encoding: \t Chunked \t\r\n", LAST),
     "\r\ntransfer-encoding: chunked\r\n", " \t"),
    ("chunk extensions are taken off (RFC 9112 §7.1.1)", CHUNKED + "5 ;a=b\r\nhello\r\n0;c\r\n\r\n",
     "\r\n5\r\nhello\r\n0\r\n\r\n", ";"),
    ("trailers that frame or route are dropped (RFC 9110 §6.5.1)",
     CHUNKED + "0\r\nX-Sum: 1\r\nContent-Length: 5\r\nHost: evil.test\r\nAuthorization: b\r\n\r\n",
     "\r\n0\r\nx-sum: 1\r\n\r\n", "evil"),
    ("TE in the trailers is dropped", CHUNKED + "0\r\nX-Sum: 1\r\nTransfer-Encoding: gzip\r\n\r\n",
     "\r\n0\r\nx-sum: 1\r\n\r\n", "gzip"),
    ("h2c is for this hop (RFC 9110 §7.8)",
     get(fields="Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"),
     "get /a", "upgrade"),
    ("HTTP2-Settings goes without Connection, too", get(fields="HTTP2-Settings: AAMA\r\n"),
     "get /a", "http2-settings"),
    ("TE is for this hop (RFC 9110 §10.1.4)", get(fields="TE: trailers\r\nConnection: TE\r\n"),
     "get /a", "\r\nte:"),
    ("Expect is answered by us (RFC 9110 §10.1.1)",
     post("Expect: 100-continue\r\n" + FIVE, "hello"), "\r\n\r\nhello", "expect"),
    ("Connection names what goes (RFC 9110 §7.6.1)",
     get(fields="Connection: close, X-Mine\r\nX-Mine: 1\r\nX-Kept: 1\r\n"), "x-kept: 1", "x-mine"),
    ("Connection cannot take what frames, routes or counts",
     post("Connection: Content-Length, Host, Via, Max-Forwards, X-Chocon-Id, Transfer-Encoding\r\n"
          "Max-Forwards: 3\r\nX-Chocon-Id: mine\r\nVia: 1.0 before\r\n" + FIVE, "hello"),
     "\r\nhost: {name}:{port}\r\nmax-forwards: 3\r\nx-chocon-id: mine\r\nvia: 1.0 before\r\n"
     "content-length: 5\r\n", "connection"),
    ("Connection cannot take chunked away", CHUNKED.replace("\r\n\r\n", "\r\nConnection: Transfer-Encoding\r\n\r\n")
     + "1\r\nx\r\n" + LAST, "\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", "connection"),
    ("Via names us (RFC 9110 §7.6.3)", get("GET /a HTTP/1.0", "Via: 1.1 a\r\n"),
     "\r\nvia: 1.1 a\r\n", "\r\nvia: 1.1 a, "),
    ("credentials for us stay here (RFC 9110 §11.7.2)",
     get(fields="Proxy-Authorization: Basic Og==\r\n"), "get /a", "proxy-authorization"),
    ("Max-Forwards is counted down (RFC 9110 §7.6.2)",
     get("TRACE /a HTTP/1.1", "Max-Forwards: 5\r\n"), "\r\nmax-forwards: 4\r\n", ": 5"),
    ("Max-Forwards of a GET stays (RFC 9110 §7.6.2)",
     get(fields="Max-Forwards: 0\r\n"), "\r\nmax-forwards: 0\r\n", "\0"),
]


class RequestFraming(SystemTest):
    """Each row in front of an origin of HTTP/1.1 and one of HTTP/2, both with a warm session."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        certificates = cls.world.certificates
        cls.h1 = RecordingOrigin(certificates.issue("h1.test"))
        cls.addClassCleanup(cls.h1.close)
        cls.h2 = RecordingH2Origin(certificates.issue("h2.test"))
        cls.addClassCleanup(cls.h2.close)
        cls.origins = (("h1.test", cls.h1), ("h2.test", cls.h2))

    def setUp(self):
        self.nikawa = self.start()
        for name, origin in self.origins:
            self.check_that_all_is_well(name, origin)
            origin.forget()

    @staticmethod
    def fill_in(text, name, origin):
        text = text.replace("{host}", origin.host(name)).replace("{name}", name)
        return text.replace("{port}", str(origin.port))

    def ask(self, name, origin, text):
        """Everything that comes back until nikawa closes, which most requests do not ask it to."""
        with RawClient(self.nikawa) as client:
            client.send(self.fill_in(text, name, origin))
            return client.receive_to_the_end().decode("latin-1")

    def check_that_all_is_well(self, name, origin):
        """By a request of its own, after which everything before has had its time."""
        answer = self.ask(name, origin, get("GET /well HTTP/1.1", "Connection: close\r\n"))
        self.assertTrue(answer.startswith("HTTP/1.1 200 "), answer)

    def assert_refused(self, answer, status, text):
        head = answer.partition("\r\n\r\n")[0]
        self.assertTrue(head.startswith(f"HTTP/1.1 {status} "), answer)
        is_old = " HTTP/1.0\r\n" in text  # and knows that the connection ends
        self.assertEqual("\r\nConnection: close" in head, not is_old, answer)
        self.assertEqual(len(re.findall(r"HTTP/1\.1 \d{3} ", answer)), 1, answer)

    def test_what_is_ambiguous_is_refused_and_no_byte_of_it_reaches_an_origin(self):
        for name, origin in self.origins:
            for row, text, status in REFUSED:
                with self.subTest(row, origin=name):
                    self.assert_refused(self.ask(name, origin, text), status, text)
        self.assertEqual(self.h1.received, b"")
        self.assertEqual((self.h2.begun, self.h2.data), (0, b""))

    def test_a_body_that_breaks_is_refused_and_never_whole_at_an_origin(self):
        for name, origin in self.origins:
            for row, text in BROKEN_BODIES:
                with self.subTest(row, origin=name):
                    self.assert_refused(self.ask(name, origin, text), 400, text)
            self.check_that_all_is_well(name, origin)
        (well,) = self.h1.requests
        self.assertTrue(well.startswith(b"GET /well "))
        self.assertEqual(self.h2.ended, 1)
        for received in (self.h1.received, self.h2.data):
            self.assertNotIn(b"smuggled", received)

    def test_what_passes_is_framed_anew(self):
        for row, text, present, absent in PASSED:
            with self.subTest(row):
                self.h1.forget()
                with RawClient(self.nikawa) as client:
                    client.send(self.fill_in(text, "h1.test", self.h1))
                    client.receive_until(b"\r\n\r\nok")
                (seen,) = self.h1.requests
                seen = seen.lower().decode("latin-1")
                self.assertIn(self.fill_in(present, "h1.test", self.h1), seen)
                self.assertNotIn(absent, seen)

