"""The two ends of a tunnel: origins that speak any protocol, and clients that reach them."""

import socket
import ssl
import struct
import threading

from harness import PATIENCE, RawClient, SystemTest


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
