"""Origins that speak in bytes: they keep what came, and answer what the test says."""

import socket
import ssl
import threading

from harness import PATIENCE

H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING = 0, 1, 4, 6
END_STREAM, ACK, END_HEADERS = 1, 1, 4


def frame(kind, flags, stream, payload=b""):
    """An HTTP/2 frame (RFC 9113 §4.1)."""
    return (len(payload).to_bytes(3, "big") + bytes([kind, flags])
            + stream.to_bytes(4, "big") + payload)


def literal(name, value):
    """A field as HPACK puts it without table and without Huffman (RFC 7541 §6.2.2)."""
    assert len(name) < 127 and len(value) < 127
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


class RawOrigin:
    """An origin behind TLS; each connection is served by `serve` in a thread of its own."""

    def __init__(self, pair, *protocols):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*pair)
        self._context.set_alpn_protocols(list(protocols))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._changed = threading.Condition()
        self._open = []
        self.connections = self.ended = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._run, args=(accepted,), daemon=True).start()

    def _run(self, accepted):
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._context.wrap_socket(accepted, server_side=True) as connection:
                with self._changed:
                    self.connections += 1
                    self._open.append(connection)
                self.serve(connection)
        except OSError:
            pass  # peers that go away are what the tests are about
        with self._changed:
            self.ended += 1
            self._changed.notify_all()

    def serve(self, connection):
        raise NotImplementedError

    def host(self, name):
        return f"{name}.ccnproxy-https:{self.port}"

    def wait_for(self, condition, what):
        with self._changed:
            if not self._changed.wait_for(condition, PATIENCE):
                raise AssertionError(f"waited in vain for {what}")

    def close(self):
        self._listener.close()
        with self._changed:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


class RecordingOrigin(RawOrigin):
    """HTTP/1.1: keeps every byte that comes, and answers each request that is whole.

    What it takes for whole is what the strictest reader would: it is only to be used with requests
    that are framed well on their way out.
    """

    ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    def __init__(self, pair):
        self.received = b""  # of all connections
        self.requests = []   # the bytes of each that was whole
        super().__init__(pair, "http/1.1")

    def forget(self):
        with self._changed:
            self.received, self.requests = b"", []

    def serve(self, connection):
        unread = b""
        while piece := connection.recv(65536):
            with self._changed:
                self.received += piece
            unread += piece
            while size := self._size_of_request(unread):
                with self._changed:
                    self.requests.append(unread[:size])
                    self._changed.notify_all()
                unread = unread[size:]
                connection.sendall(self.ANSWER)

    @staticmethod
    def _size_of_request(text):
        """The bytes of the first request, 0 while it is not whole."""
        head_end = text.find(b"\r\n\r\n") + 4
        if head_end < 4:
            return 0
        lines = text[:head_end].lower().split(b"\r\n")
        if b"transfer-encoding: chunked" in lines:
            at = head_end
            while True:
                line_end = text.find(b"\r\n", at)
                if line_end < 0:
                    return 0
                size = int(text[at:line_end], 16)
                at = line_end + 2 + size + 2
                if size == 0:
                    end = text.find(b"\r\n\r\n", line_end)
                    return end + 4 if end >= 0 else 0
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        return head_end + length if len(text) >= head_end + length else 0


class RecordingH2Origin(RawOrigin):
    """HTTP/2: counts the streams that were begun and those that ended, and answers these.

    `answer(stream)` gives the frames.
    """

    def __init__(self, pair, answer=None):
        self.begun = self.ended = 0
        self.data = b""
        self.resets = 0  # RST_STREAM frames that came
        self.answer = answer or (lambda stream: frame(
            HEADERS, END_HEADERS | END_STREAM, stream, b"\x88"))  # :status: 200
        super().__init__(pair, "h2")

    def forget(self):
        with self._changed:
            self.begun = self.ended = self.resets = 0
            self.data = b""

    def serve(self, connection):
        reader = connection.makefile("rb")
        if reader.read(len(H2_PREFACE)) != H2_PREFACE:
            return
        connection.sendall(frame(SETTINGS, 0, 0))
        while len(head := reader.read(9)) == 9:
            payload = reader.read(int.from_bytes(head[:3], "big"))
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
            if kind in (SETTINGS, PING) and not flags & ACK:
                connection.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
            if kind in (DATA, HEADERS):
                with self._changed:
                    self.begun += kind == HEADERS
                    self.data += payload if kind == DATA else b""
                    self.ended += bool(flags & END_STREAM)
                    self._changed.notify_all()
                if flags & END_STREAM:
                    connection.sendall(self.answer(stream))
            if kind == 3:
                with self._changed:
                    self.resets += 1
                    self._changed.notify_all()
