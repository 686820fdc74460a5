"""Connections that become tunnels: CONNECT, and upgrades to WebSocket."""

import base64
import hashlib
import json
import os
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.request

from harness import (
    PATIENCE, RawClient, SystemTest, clean_environment, curl, free_port, sha256, wait_until)
from origins import Nginx, NginxProcess

ANY_PORT = ["--connect-port", "1-65535"]
MIB = 1 << 20
WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3

# An origin that prefers HTTP/2 and hands WebSockets to another, as most sites have it.
H2_SITE = """
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {pem};
        ssl_certificate_key {key};
        location / {{ return 200 "shared"; }}
        location /chat {{
            proxy_pass http://127.0.0.1:{chat};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $http_connection;
        }}
    }}
"""


class TcpOrigin:
    """Runs `serve(socket)` for each connection, in TLS if it has a certificate."""

    def __init__(self, serve, pair=None):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self._tls = None
        if pair:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*pair)
            self._tls.set_alpn_protocols(["http/1.1"])
        self._serve = serve
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        connection.settimeout(PATIENCE)
        try:
            with connection:
                if self._tls:
                    with self._tls.wrap_socket(connection, server_side=True) as secure:
                        self._serve(secure)
                else:
                    self._serve(connection)
        except (OSError, EOFError):
            pass  # peers that go away are what the tests are about

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def receive_exactly(connection, count):
    got = b""
    while len(got) < count:
        piece = connection.recv(count - len(got))
        if not piece:
            raise EOFError(f"the end came after {len(got)} of {count} bytes")
        got += piece
    return got


def receive_head(connection):
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        got += receive_exactly(connection, 1)
    return got.decode("latin-1")


def receive_all(connection):
    return b"".join(iter(lambda: connection.recv(65536), b""))


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def field(head, name):
    lines = [line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line]
    return ", ".join(value for key, value in lines if key.lower() == name.lower())


def frame(payload, mask=b""):
    """A binary message of RFC 6455 §5.2; clients mask theirs."""
    head = bytes([0x82, (0x80 if mask else 0) | 127]) + struct.pack("!Q", len(payload)) + mask
    if mask:
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return head + payload


def receive_frame(connection):
    head = receive_exactly(connection, 10)
    mask = receive_exactly(connection, 4) if head[1] & 0x80 else b""
    payload = receive_exactly(connection, struct.unpack("!Q", head[2:])[0])
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)) if mask else payload


def accept_key(key):
    return base64.b64encode(hashlib.sha1(key.encode() + WEBSOCKET_GUID).digest()).decode()


def echo_websocket(connection):
    """Switches if it is asked to, then sends back each message."""
    head = receive_head(connection)
    if field(head, "Upgrade").lower() != "websocket" or "upgrade" not in field(
            head, "Connection").lower():
        connection.sendall(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 5\r\n\r\nask!\n")
        return
    connection.sendall((
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(field(head, 'Sec-WebSocket-Key'))}\r\n\r\n").encode()
        + frame(b"welcome"))
    while True:
        try:
            connection.sendall(frame(receive_frame(connection)))
        except EOFError:
            return


def echo(connection):
    while piece := connection.recv(65536):
        connection.sendall(piece)


class TunnelTest(SystemTest):
    def origin(self, serve, pair=None):
        origin = TcpOrigin(serve, pair)
        self.addCleanup(origin.close)
        return origin

    def connect(self, nikawa, authority, early=b""):
        """A connection through a tunnel."""
        client = self.client(nikawa)
        client.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode() + early)
        head = receive_head(client)
        self.assertTrue(head.startswith("HTTP/1.1 200 "), head)
        self.assertEqual(field(head, "Content-Length") + field(head, "Transfer-Encoding"), "")
        return client

    def client(self, nikawa):
        client = RawClient(nikawa).socket
        self.addCleanup(client.close)
        return client


class ConnectTest(TunnelTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nginx = Nginx(cls.world)
        cls.addClassCleanup(cls.nginx.close)

    def test_is_the_https_proxy_of_curl(self):
        nikawa = self.start(*ANY_PORT)
        for name, option, version in (("h1.test", "--http1.1", "HTTP/1.1"),
                                      ("h2.test", "--http2", "HTTP/2.0")):
            self.nginx.forget()
            authority = self.nginx.authority(name)
            got = subprocess.run(
                ["curl", "-q", "-sS", option, "--cacert", self.world.certificates.ca,
                 f"https://{authority}/hello"], capture_output=True, timeout=PATIENCE,
                env=clean_environment(https_proxy=nikawa.url, no_proxy=""))
            self.assertEqual(got.stdout, b"hello from " + name.encode(), got.stderr)
            seen = self.nginx.log()[0]
            self.assertEqual((seen["protocol"], seen["via"], seen["id"]), (version, "", ""))
        record = nikawa.access_log(2)[1]
        self.assertEqual((record["method"], record["uri"], record["host"], record["status"]),
                         ("CONNECT", authority, authority, 200))
        self.assertEqual((record["origin"], record["proto"]), ("tcp://" + authority, "tcp"))
        self.assertGreater(record["size"], 500)  # a TLS handshake and more
        self.assertGreater(record["request_size"], 300)

    def test_serves_clients_that_connect_over_http_1_0(self):
        nikawa = self.start(*ANY_PORT)
        trust = ssl.create_default_context(cafile=self.world.certificates.ca)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({"https": nikawa.url}),
            urllib.request.HTTPSHandler(context=trust))
        authority = self.nginx.authority("h1.test")
        with opener.open(f"https://{authority}/hello", timeout=PATIENCE) as response:
            self.assertEqual(response.read(), b"hello from h1.test")
        old = self.client(nikawa)
        old.sendall(f"CONNECT {authority} HTTP/1.0\r\n\r\n".encode())
        self.assertTrue(receive_head(old).startswith("HTTP/1.1 200 "))

    def test_refuses_what_may_not_be_reached(self):
        authority = self.nginx.authority("h1.test")
        port = int(authority.split(":")[1])
        rows = [
            ([], authority, 403, "not in --connect-port"),
            (["--connect-port", "none"], "h1.test:443", 403, "switched off"),
            (["--connect-port", ""], "h1.test:443", 403, "switched off"),
            (["--connect-port", f"1-{port - 1},{port + 1}-65535"], authority, 403, "--connect-port"),
            ([*ANY_PORT, "--allow-port", "443"], authority, 403, "not in --allow-port"),
            ([*ANY_PORT, "--deny-target", "h1.test"], authority, 403, "--deny-target h1.test"),
            ([*ANY_PORT, "--allow-target", "private"], authority, 403, "loopback"),
            ([*ANY_PORT, "--allow-target", "private"], "127.0.0.1:{own}", 403, "our own listener"),
            ([*ANY_PORT, "--upstream", "https://h1.test"], authority, 403, "--upstream"),
            (ANY_PORT, "h1.test.ccnproxy-https:443", 403, "marker label"),
            (ANY_PORT, "missing.test:443", 502, "resolve_failed"),
            (ANY_PORT, f"refused.test:{free_port()}", 502, "connect_failed"),
        ]
        for options, target, status, reason in rows:
            with self.subTest(options=options, target=target):
                nikawa = self.start(*options)
                target = target.format(own=nikawa.port)
                with RawClient(nikawa) as client:
                    client.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n\x16\x03\x01")
                    answer = client.receive_to_the_end().decode()
                self.assertTrue(answer.startswith(f"HTTP/1.1 {status} "), answer)
                record = nikawa.access_log()[0]
                self.assertEqual(record["status"], status)
                self.assertIn(reason, f'{record["error"]}: {record["error_detail"]}')

    def test_sends_first_what_came_behind_the_request(self):
        origin = self.origin(echo)
        client = self.connect(self.start(*ANY_PORT), f"echo.test:{origin.port}", early=b"hello")
        self.assertEqual(receive_exactly(client, 5), b"hello")

    def test_carries_much_both_ways_at_once(self):
        sums = {}

        def both_ways(connection):
            writer = threading.Thread(target=connection.sendall, args=(self.down,))
            writer.start()
            sums["up"] = sha256(receive_all(connection))
            writer.join()

        self.down, up = os.urandom(32 * MIB), os.urandom(32 * MIB)
        nikawa = self.start(*ANY_PORT)
        client = self.connect(nikawa, f"both.test:{self.origin(both_ways).port}")

        def send():
            client.sendall(up)
            client.shutdown(socket.SHUT_WR)

        writer = threading.Thread(target=send)
        writer.start()
        self.assertEqual(sha256(receive_all(client)), sha256(self.down))
        writer.join()
        record = nikawa.access_log()[0]
        self.assertEqual(sums["up"], sha256(up))
        self.assertEqual((record["request_size"], record["size"]), (len(up), len(self.down)))
        self.assertNotIn("error", record)

    def test_a_slow_reader_holds_its_sender_and_little_memory(self):
        sent = []

        def pour(connection):
            piece = bytes(65536)
            for _ in range(64 * MIB // len(piece)):
                connection.sendall(piece)
                sent.append(len(piece))

        nikawa = self.start(*ANY_PORT)
        client = self.connect(nikawa, f"pour.test:{self.origin(pour).port}")
        before = nikawa.resident_bytes()

        def stalls():
            count = len(sent)
            time.sleep(0.3)
            return count > 0 and len(sent) == count

        wait_until(stalls, "the origin to be held")
        self.assertLess(sum(sent), 40 * MIB)  # what the kernel's buffers take
        self.assertLess(nikawa.resident_bytes() - before, 4 * MIB)
        self.assertEqual(len(receive_all(client)), 64 * MIB)

    def test_passes_on_the_end_of_one_side(self):
        def answer_the_whole(connection):
            connection.sendall(b"got " + receive_all(connection))

        nikawa = self.start(*ANY_PORT)
        client = self.connect(nikawa, f"half.test:{self.origin(answer_the_whole).port}")
        client.sendall(b"all of it")
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_all(client), b"got all of it")
        self.assertNotIn("error", nikawa.access_log()[0])

    def test_ends_a_tunnel_through_which_nothing_passes(self):
        ended = threading.Event()

        def wait_for_the_end(connection):
            receive_all(connection)
            ended.set()

        nikawa = self.start(*ANY_PORT, "--tunnel-timeout", "500ms")
        client = self.connect(nikawa, f"silent.test:{self.origin(wait_for_the_end).port}")
        self.assertEqual(receive_all(client), b"")
        self.assertTrue(ended.wait(PATIENCE))
        record = nikawa.access_log()[0]
        self.assertEqual((record["status"], record["error"]), (200, "tunnel_timed_out"))
        self.assertGreater(record["ptime"], 0.5)

    def test_each_side_learns_that_the_other_is_gone(self):
        seen = []

        def watch(connection):
            connection.sendall(b"here")
            try:
                seen.append(receive_all(connection))
            except ConnectionResetError:
                seen.append("reset")

        nikawa = self.start(*ANY_PORT)
        client = self.connect(nikawa, f"watch.test:{self.origin(watch).port}")
        receive_exactly(client, 4)
        reset(client)
        wait_until(lambda: seen == ["reset"], "the origin to see the reset")

        def hang_up(connection):
            connection.recv(1)
            reset(connection)

        client = self.connect(nikawa, f"gone.test:{self.origin(hang_up).port}")
        client.sendall(b"x")
        with self.assertRaises(ConnectionResetError):
            receive_all(client)
        errors = [record["error"] for record in nikawa.access_log(2)]
        self.assertEqual(errors, ["client_gone", "peer_closed"])

    def test_gives_up_when_the_client_goes_while_it_dials(self):
        full = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.addCleanup(full.close)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:  # from now on nobody's SYN is answered
            self.addCleanup(filler.close)
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        nikawa = self.start(*ANY_PORT, "--connect-timeout", "5s")
        client = self.client(nikawa)
        authority = f"full.test:{full.getsockname()[1]}"
        client.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
        time.sleep(0.2)
        reset(client)
        record = nikawa.access_log()[0]
        self.assertEqual((record["status"], record["error"]), (499, "client_gone"))
        self.assertLess(record["ptime"], 3)

    def test_outlives_sigterm_until_it_ends(self):
        origin = self.origin(echo)
        nikawa = self.start(*ANY_PORT)
        client = self.connect(nikawa, f"echo.test:{origin.port}")
        nikawa.process.terminate()
        nikawa.stderr.wait(lambda lines: any("draining" in line for line in lines), "drain")
        client.sendall(b"still here")
        self.assertEqual(receive_exactly(client, 10), b"still here")
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_all(client), b"")
        self.assertEqual(nikawa.wait(), 0)

    def test_is_cut_when_the_time_to_end_is_over(self):
        def take_nothing(connection):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.released.wait(PATIENCE)

        self.released = threading.Event()
        self.addCleanup(self.released.set)
        nikawa = self.start(*ANY_PORT, "--shutdown-timeout", "500ms")
        idle = self.connect(nikawa, f"echo.test:{self.origin(echo).port}")
        stuck = self.connect(nikawa, f"stuck.test:{self.origin(take_nothing).port}")
        stuck.setblocking(False)
        with self.assertRaises(BlockingIOError):
            while True:
                stuck.send(bytes(MIB))
                time.sleep(0.01)
        nikawa.process.terminate()
        try:
            self.assertEqual(receive_all(idle), b"")
        except ConnectionResetError:
            pass
        self.assertEqual(nikawa.wait(), 0)
        records = nikawa.access_log(2)
        self.assertEqual({record["error"] for record in records}, {"client_gone"})


class UpgradeTest(TunnelTest):
    def open_websocket(self, nikawa, host, path="/chat"):
        client = self.client(nikawa)
        key = base64.b64encode(os.urandom(16)).decode()
        client.sendall((
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive, Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        ).encode())
        head = receive_head(client)
        self.assertTrue(head.startswith("HTTP/1.1 101 "), head)
        self.assertEqual(field(head, "Upgrade"), "websocket")
        self.assertEqual(field(head, "Connection"), "Upgrade")
        self.assertEqual(field(head, "Sec-WebSocket-Accept"), accept_key(key))
        self.assertEqual(receive_frame(client), b"welcome")
        return client

    def assert_echoes(self, client, size=1000):
        message = os.urandom(size)
        client.sendall(frame(message, mask=b"mask"))
        self.assertEqual(receive_frame(client), message)

    def test_carries_websockets_over_tls(self):
        origin = self.origin(echo_websocket, self.world.certificates.issue("chat.test"))
        nikawa = self.start()
        host = f"chat.test.ccnproxy-https:{origin.port}"
        first, second = self.open_websocket(nikawa, host), self.open_websocket(nikawa, host)
        self.assert_echoes(first)
        self.assert_echoes(second, 3 * MIB)
        self.assert_echoes(first)
        first.shutdown(socket.SHUT_WR)
        self.assertEqual(receive_all(first), b"")
        second.close()
        for record in nikawa.access_log(2):
            self.assertEqual((record["status"], record["proto"]), (101, "http/1.1"))
            self.assertEqual(record["origin"], f"https://chat.test:{origin.port}")
            self.assertGreater(record["request_size"], 1000)

    def test_the_origin_may_end_it(self):
        def welcome_and_leave(connection):
            receive_head(connection)
            connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n"
                               b"Connection: upgrade\r\n\r\nlast words")
            if isinstance(connection, ssl.SSLSocket):
                connection.unwrap()

        for pair in (None, self.world.certificates.issue("leaves.test")):
            origin = self.origin(welcome_and_leave, pair)
            nikawa = self.start()
            marker = "ccnproxy-https" if pair else "ccnproxy"
            with RawClient(nikawa) as client:
                client.send(f"GET / HTTP/1.1\r\nHost: leaves.test.{marker}:{origin.port}\r\n"
                            "Connection: Upgrade\r\nUpgrade: x\r\n\r\n")
                answer = client.receive_to_the_end()  # and does not end its own side
                self.assertTrue(answer.endswith(b"\r\n\r\nlast words"), answer)
            self.assertNotIn("error", nikawa.access_log()[0])

    def test_an_origin_that_prefers_http_2_is_asked_for_http_1_1(self):
        chat = self.origin(echo_websocket)
        pem, key = self.world.certificates.issue("site.test")
        nginx = NginxProcess(self.world.folder("site"))
        port = free_port()
        nginx.configure(H2_SITE.format(port=port, pem=pem, key=key, chat=chat.port),
                        [f"127.0.0.1:{port}"])
        self.assertTrue(nginx.start(), nginx.errors())
        self.addCleanup(nginx.close)
        nikawa = self.start()
        host = f"site.test.ccnproxy-https:{port}"
        self.assertEqual(curl(nikawa, f"http://{host}/a").body, b"shared")
        sockets = [self.open_websocket(nikawa, host)]
        self.assertEqual(curl(nikawa, f"http://{host}/b").body, b"shared")
        def has_one_in_reserve():
            origins = json.loads(curl(nikawa, nikawa.url + "/.api/stats").body)["origins"]
            return [(site["protocol"], site["sessions"], site["idle_sessions"])
                    for site in origins] == [("h2", 3, 2)]  # the WebSocket's is not idle

        wait_until(has_one_in_reserve, "a connection in reserve")
        sockets.append(self.open_websocket(nikawa, host))
        for client in sockets:
            self.assert_echoes(client)
            client.close()
        def ended(lines):
            logged = [json.loads(line) for line in lines if line.startswith("{")]
            of_site = [record for record in logged if record["origin"]]
            return of_site if len(of_site) == 4 else None

        records = nikawa.stderr.wait(ended, "four access lines of the site")
        self.assertNotIn("cold", records[-1])
        protocols = sorted((record["uri"], record["proto"]) for record in records)
        self.assertEqual(protocols, [("/a", "h2"), ("/b", "h2"), ("/chat", "http/1.1"),
                                     ("/chat", "http/1.1")])
        self.assertEqual(len({record["protocol"] for record in nginx.log(4)}), 2)

    def test_any_other_answer_is_an_ordinary_one(self):
        origin = self.origin(
            lambda connection: (receive_head(connection), connection.sendall(
                b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")))
        nikawa = self.start()
        with RawClient(nikawa) as client:
            client.send(f"GET / HTTP/1.1\r\nHost: a.test.ccnproxy:{origin.port}\r\n"
                        "Connection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n")
            answer = client.receive_to_the_end()
        self.assertTrue(answer.startswith(b"HTTP/1.1 401 ") and answer.endswith(b"no"), answer)

    def test_an_upgrade_to_http_2_is_not_passed_on(self):
        seen = []

        def tell(connection):
            seen.append(receive_head(connection))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        origin = self.origin(tell)
        nikawa = self.start()
        with RawClient(nikawa) as client:
            client.send(f"GET / HTTP/1.1\r\nHost: a.test.ccnproxy:{origin.port}\r\n"
                        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                        "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")
            self.assertTrue(client.receive_until(b"ok").startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertNotIn("upgrade", seen[0].lower())
        self.assertNotIn("http2-settings", seen[0].lower())
