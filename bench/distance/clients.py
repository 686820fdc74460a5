"""Clients as PHP's: a new connection for each request, all in one asyncio loop.

Times run from connect() to the last byte of the response.
"""

import asyncio
import collections
import re
import socket
import ssl
import time


class Reply(collections.namedtuple("Reply", "seconds status body error")):
    """`status` is 0 and `error` says why when there was no whole response; then `seconds` is the
    time until that was clear. `body` is its first bytes."""

    @property
    def is_good(self):
        return self.error == "" and 200 <= self.status < 300


BODY_KEPT = 256


class _Response:
    """Reads a response until it is complete."""

    def __init__(self):
        self.status, self.body, self.body_bytes = 0, b"", 0
        self._head, self._length, self._tail = b"", None, b""
        self._is_chunked = self._has_head = False

    def feed(self, piece):
        """True once the response is complete; `piece` is empty at the end of the connection."""
        if not self._has_head:
            self._head += piece
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return False
            piece, self._head = self._head[end + 4:], self._head[:end]
            self._has_head = True
            self.status = int(self._head.split(b" ", 2)[1])
            length = re.search(rb"\r\ncontent-length: *(\d+)", self._head, re.I)
            self._is_chunked = re.search(rb"\r\ntransfer-encoding: *chunked", self._head, re.I)
            if length or self.status == 204:
                self._length = int(length[1]) if length else 0
        self.body_bytes += len(piece)
        if len(self.body) < BODY_KEPT:
            self.body += piece[:BODY_KEPT]
        if self._is_chunked:
            self._tail = (self._tail + piece)[-7:]
            return self._tail.endswith(b"\r\n0\r\n\r\n") or self._tail == b"0\r\n\r\n"
        return self._length is not None and self.body_bytes >= self._length

    def is_ended_by_close(self):
        return self._has_head and self._length is None and not self._is_chunked


class Exchange:
    """A request that is under way from the moment it is made; `reply` is a future."""

    def __init__(self, port, request, timeout):
        self._loop = asyncio.get_running_loop()
        self.reply = self._loop.create_future()
        self._rest, self._response = request, _Response()
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self.started = time.perf_counter()
        self._socket.connect_ex(("127.0.0.1", port))
        self._timer = self._loop.call_later(timeout, self._finish, "timeout")
        self._write(is_first=True)

    def _write(self, is_first=False):
        try:
            self._rest = self._rest[self._socket.send(self._rest):]
        except BlockingIOError:
            pass
        except OSError as error:
            return self._finish(str(error))
        if self._rest:
            if is_first:
                self._loop.add_writer(self._socket, self._write)
            return None
        self._loop.remove_writer(self._socket)
        self._loop.add_reader(self._socket, self._read)
        return None

    def _read(self):
        try:
            piece = self._socket.recv(262144)
        except BlockingIOError:
            return
        except OSError as error:
            self._finish(str(error))
            return
        if self._response.feed(piece):
            self._finish("")
        elif not piece:
            self._finish("" if self._response.is_ended_by_close() else "closed")

    def _finish(self, error):
        seconds = time.perf_counter() - self.started
        self._timer.cancel()
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        if not self.reply.done():
            self.reply.set_result(
                Reply(seconds, self._response.status, self._response.body, error))


def request_bytes(host, target, method, body):
    length = f"Content-Length: {len(body)}\r\n" if body or method != "GET" else ""
    return (f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: distance\r\n"
            f"Accept: */*\r\n{length}\r\n").encode() + body


class ThroughProxy:
    """Asks a proxy on this machine; `host_of` gives the Host by which it knows an origin."""

    def __init__(self, port, host_of):
        self.port, self._host_of = port, host_of

    def start(self, name, target="/22", method="GET", body=b"", timeout=30.0):
        """The future of the reply to a request that is sent now."""
        request = request_bytes(self._host_of(name), target, method, body)
        return Exchange(self.port, request, timeout).reply

    async def slow_read(self, name, target, bytes_per_second):
        """Reads a response at this speed until its end, or until cancelled."""
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", self.port))
            await loop.sock_sendall(client,
                                    request_bytes(self._host_of(name), target, "GET", b""))
            read, begin = 0, time.monotonic()
            while True:
                allowed = int((time.monotonic() - begin) * bytes_per_second)
                if allowed > read:
                    piece = await loop.sock_recv(client, allowed - read)
                    if not piece:
                        return
                    read += len(piece)
                await asyncio.sleep(0.05)


class Direct:
    """Asks the origins themselves, with a TLS handshake each time."""

    def __init__(self, addresses, port, ca):
        self._addresses, self._port = addresses, port  # addresses by name
        self._tls = ssl.create_default_context(cafile=ca)

    def start(self, name, target="/22", method="GET", body=b"", timeout=30.0):
        return asyncio.ensure_future(self._exchange(name, target, method, body, timeout))

    async def _exchange(self, name, target, method, body, timeout):
        begin = time.perf_counter()
        response, error = _Response(), ""
        try:
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_connection(
                    self._addresses[name], self._port, ssl=self._tls, server_hostname=name)
                writer.write(request_bytes(name, target, method, body))
                while not response.feed(piece := await reader.read(262144)):
                    if not piece:
                        raise ConnectionError("closed")
                writer.transport.abort()
        except (OSError, TimeoutError) as failure:
            error = str(failure) or type(failure).__name__
        return Reply(time.perf_counter() - begin, response.status, response.body, error)
