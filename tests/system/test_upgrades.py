"""Connections that become tunnels by an upgrade, to WebSocket."""

import base64
import hashlib
import json
import os
import socket
import ssl
import struct

from harness import RawClient, curl, free_port, wait_until
from origins import NginxProcess
from tunnel_ends import TunnelTest, field, receive_all, receive_exactly, receive_head

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
