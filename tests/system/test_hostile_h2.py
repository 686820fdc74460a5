"""HTTP/2 origins that do what no origin should: each costs its own session and nobody else's."""

import os
import socket
import ssl
import struct
import threading

from harness import IS_SANITIZED, PATIENCE, SystemTest, curl
from origins import Nginx

MIB = 1 << 20
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, END_HEADERS = 0x1, 0x4
OK = b"\x88"  # :status 200, RFC 7541 appendix A


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def field(name, value):
    """A field as HPACK spells it out."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def head(stream, block=OK, flags=END_HEADERS):
    return frame(HEADERS, flags, stream, block)


class HostileOrigin:
    """Speaks TLS, agrees to a protocol, and does to each request what `attack(peer)` does."""

    def __init__(self, pair, attack, protocol="h2"):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*pair)
        self._context.set_alpn_protocols([protocol])
        self._attack = attack
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.requests = 0
        self.left = threading.Semaphore(0)  # a session has ended
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path="/"):
        return f"http://hostile.test.ccnproxy-https:{self.port}{path}"

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with self._context.wrap_socket(connection, server_side=True) as stream:
                stream.settimeout(PATIENCE)
                _Peer(self, stream).serve(self._attack)
        except OSError:
            pass  # it was told to go, in the one way or the other
        finally:
            self.left.release()


class _Peer:
    """One session with nikawa, from the origin's side."""

    def __init__(self, origin, stream):
        self._origin = origin
        self._stream = stream
        self._input = stream.makefile("rb")

    def serve(self, attack):
        if self._input.read(len(PREFACE)) != PREFACE:
            return
        self.send(frame(SETTINGS))
        while (request := self._next_request()) is not None:
            self._origin.requests += 1
            attack(self, request)

    def _next_request(self):
        """The stream of the next HEADERS, or None at the end."""
        while len(start := self._input.read(9)) == 9:
            self._input.read(int.from_bytes(start[:3], "big"))
            if start[3] == SETTINGS and not start[4] & 1:
                self.send(frame(SETTINGS, 1))
            if start[3] == HEADERS:
                return int.from_bytes(start[5:], "big")
        return None

    def send(self, data):
        self._stream.sendall(data)

    def flood(self, data):
        """The same until we are thrown out; reads nothing."""
        while True:
            self.send(data * 1000)


def sends(make):
    """An attack by frames that depend on the request's stream."""
    return lambda peer, stream: peer.send(make(stream))


def floods(first, make):
    def attack(peer, stream):
        peer.send(first(stream))
        peer.flood(make(stream))
    return attack


def nothing(_):
    return b""


BOMB = OK + b"\x40\x01x\x7f\x80\x1e" + b"v" * 3967 + b"\xbe" * 12000

# Each answers with 502, or breaks the response off.
ATTACKS = {
    "garbage": sends(lambda s: b"x" * 1000),
    "HTTP/1.1 on HTTP/2": sends(lambda s: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    "reset": sends(lambda s: frame(RST_STREAM, 0, s, b"\0\0\0\2")),
    "refused again and again": sends(lambda s: frame(RST_STREAM, 0, s, b"\0\0\0\7")),
    "GOAWAY at once": sends(lambda s: frame(GOAWAY, 0, 0, bytes(8))),
    "GOAWAY with an error": sends(lambda s: frame(GOAWAY, 0, 0, bytes(7) + b"\2")),
    "a last stream that grows": sends(lambda s: frame(GOAWAY, 0, 0, b"\0\0\0\1" + bytes(4)) +
                                      frame(GOAWAY, 0, 0, b"\0\0\0\7" + bytes(4))),
    "PUSH_PROMISE": sends(lambda s: frame(PUSH, END_HEADERS, s, b"\0\0\0\2" + OK)),
    "a bad index": sends(lambda s: head(s, b"\x80")),
    "a table too large": sends(lambda s: head(s, b"\x3f\xe1\x3f")),
    "a head that unpacks to 48 MB": sends(lambda s: head(s, BOMB)),
    "two statuses": sends(lambda s: head(s, OK + OK)),
    "no status": sends(lambda s: head(s, field(b"x", b"1"))),
    "a request's pseudo-field": sends(lambda s: head(s, OK + field(b":path", b"/"))),
    "an upper-case name": sends(lambda s: head(s, OK + field(b"X-Y", b"1"))),
    "Connection": sends(lambda s: head(s, OK + field(b"connection", b"close"))),
    "a split response": sends(lambda s: head(s, OK + field(b"x", b"1\r\n\r\nHTTP/1.1 200 OK"))),
    "a body too long": sends(lambda s: head(s, OK + field(b"content-length", b"1")) +
                             frame(DATA, END_STREAM, s, b"xy")),
    "a body too short": sends(lambda s: head(s, OK + field(b"content-length", b"3")) +
                              frame(DATA, END_STREAM, s, b"xy")),
    "trailers with a status": sends(lambda s: head(s) + frame(DATA, 0, s, b"x") +
                                    head(s, OK, END_HEADERS | END_STREAM)),
    "a window beyond all bounds": sends(lambda s: frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff")),
    "a window that does not grow": sends(lambda s: frame(WINDOW, 0, 0, bytes(4))),
    "a frame too large": sends(lambda s: b"\xff\xff\xff\0\0" + struct.pack("!I", s)),
    "an idle stream": sends(lambda s: frame(DATA, 0, s + 98, b"x")),
    "interim heads without end": floods(nothing, lambda s: head(s, field(b":status", b"103"))),
    "a flood of PING": floods(nothing, lambda s: frame(PING, 0, 0, bytes(8))),
    "a flood of SETTINGS": floods(nothing, lambda s: frame(SETTINGS, 0, 0, b"\0\4\0\0\xff\xff")),
    "a flood of empty DATA": floods(head, lambda s: frame(DATA, 0, s)),
    "a flood of CONTINUATION": floods(lambda s: head(s, OK, 0),
                                      lambda s: frame(CONTINUATION, 0, s, field(b"x", b"y"))),
    "a flood of RST_STREAM": floods(lambda s: frame(RST_STREAM, 0, s, b"\0\0\0\2"),
                                    lambda s: frame(RST_STREAM, 0, s, b"\0\0\0\2")),
    "a flood of WINDOW_UPDATE": floods(nothing, lambda s: frame(WINDOW, 0, 0, b"\0\0\0\1")),
    "a flood of PRIORITY": floods(nothing, lambda s: frame(PRIORITY, 0, s, b"\0\0\0\0\1")),
    "a flood of unknown frames": floods(nothing, lambda s: frame(0xBE, 0, 0, bytes(100))),
    "DATA without end behind a reset": floods(
        lambda s: head(s, OK + field(b"connection", b"close")),
        lambda s: frame(DATA, 0, s, bytes(8000))),
}


class HostileHttp2(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nginx = Nginx(cls.world)
        cls.addClassCleanup(cls.nginx.close)
        cls.pair = cls.world.certificates.issue("hostile.test")

    def origin(self, attack, protocol="h2"):
        origin = HostileOrigin(self.pair, attack, protocol)
        self.addCleanup(origin.close)
        return origin

    @staticmethod
    def cpu_seconds(nikawa):
        with open(f"/proc/{nikawa.process.pid}/stat") as stat:
            values = stat.read().rsplit(")", 1)[1].split()
        return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")

    def assert_failed(self, reply):
        if reply.code == 0:
            self.assertEqual(reply.status, 502)
            self.assertEqual(len(reply.field("Proxy-Status")), 1)
        else:
            self.assertIn(reply.code, (18, 56))  # what had begun is broken off

    def test_each_attack_costs_one_session_and_little_else(self):
        nikawa = self.start()
        curl(nikawa, self.nginx.url("h2.test", "/hello"))
        memory = nikawa.resident_bytes()
        for what, attack in ATTACKS.items():
            with self.subTest(what):
                origin = self.origin(attack)
                cpu = self.cpu_seconds(nikawa)
                self.assert_failed(curl(nikawa, origin.url()))
                if what.startswith(("a flood", "DATA")):
                    self.assertTrue(origin.left.acquire(timeout=PATIENCE))
                # What may be repeated is, a few times at most.
                self.assertLessEqual(origin.requests, 3)
                self.assertLess(self.cpu_seconds(nikawa) - cpu, 2)
                good = curl(nikawa, self.nginx.url("h2.test", "/hello"))
                self.assertEqual((good.code, good.status), (0, 200))
        self.assertLess(nikawa.resident_bytes() - memory, (512 if IS_SANITIZED else 64) * MIB)

    def test_others_are_served_while_it_goes_on(self):
        nikawa = self.start()
        stop = threading.Event()
        origin = self.origin(ATTACKS["a flood of PING"])

        def provoke():
            while not stop.is_set():
                curl(nikawa, origin.url())

        attackers = [threading.Thread(target=provoke) for _ in range(4)]
        for attacker in attackers:
            attacker.start()
        try:
            for _ in range(20):
                good = curl(nikawa, self.nginx.url("h2.test", "/hello"))
                self.assertEqual((good.code, good.status), (0, 200))
        finally:
            stop.set()
            for attacker in attackers:
                attacker.join()

    def test_what_was_refused_is_served_by_the_next_session(self):
        def refuse_once(peer, stream):
            if origin.requests == 1:
                peer.send(frame(GOAWAY, 0, 0, bytes(8)))
            else:
                peer.send(head(stream, OK, END_HEADERS | END_STREAM))

        origin = self.origin(refuse_once)
        nikawa = self.start()
        reply = curl(nikawa, origin.url(), "--data", "not lost")
        self.assertEqual((reply.code, reply.status), (0, 200))
        self.assertEqual(origin.requests, 2)

    def test_a_session_that_breaks_down_is_replaced(self):
        def break_second(peer, stream):
            if origin.requests == 2:
                peer.send(b"\xff" * 100)
            else:
                peer.send(head(stream, OK, END_HEADERS | END_STREAM))

        origin = self.origin(break_second)
        nikawa = self.start()
        self.assertEqual(curl(nikawa, origin.url()).status, 200)
        self.assertEqual(curl(nikawa, origin.url()).status, 200)
        self.assertEqual(origin.requests, 3)

    def test_no_streams_at_all(self):
        origin = self.origin(sends(lambda s: frame(SETTINGS, 0, 0, b"\0\3\0\0\0\0") +
                                   frame(RST_STREAM, 0, s, b"\0\0\0\7")))
        nikawa = self.start("--acquire-timeout", "2s")
        self.assertIn(curl(nikawa, origin.url()).status, (502, 504))
        self.assertLessEqual(origin.requests, 3)

    def test_half_a_frame_and_then_silence(self):
        origin = self.origin(sends(lambda s: head(s)[:9]))
        nikawa = self.start("--proxy-read-timeout", "1s")
        self.assertEqual(curl(nikawa, origin.url()).status, 504)

    def test_http2_where_http1_was_agreed(self):
        class Liar(HostileOrigin):
            def _serve(self, connection):
                try:
                    with self._context.wrap_socket(connection, server_side=True) as stream:
                        stream.sendall(frame(SETTINGS) + frame(SETTINGS, 1))
                        stream.recv(4096)
                        stream.sendall(frame(GOAWAY, 0, 0, bytes(7) + b"\1"))
                except OSError:
                    pass

        origin = Liar(self.pair, None, "http/1.1")
        self.addCleanup(origin.close)
        nikawa = self.start()
        self.assert_failed(curl(nikawa, origin.url()))

