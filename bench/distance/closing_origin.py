#!/usr/bin/env python3
"""An HTTP/1.1 origin over TLS that closes each connection when it has been idle for an exact time.

    closing_origin.py ADDRESS:PORT CERTIFICATE KEY IDLE_SECONDS LOG

It says neither Keep-Alive nor Connection before, as most servers do not. Each request it has taken
is a line in LOG: method, target.
"""

import heapq
import re
import select
import socket
import ssl
import sys
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n22 bytes of an answer\n"


class Connection:
    def __init__(self, tcp, tls):
        tcp.setblocking(False)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = tls.wrap_socket(tcp, server_side=True, do_handshake_on_connect=False)
        self.is_shaken = False
        self.received = b""
        self.last_used = time.monotonic()

    def requests(self):
        """The whole requests that have come, taken off what was received."""
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end]
            length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
            end += 4 + (int(length[1]) if length else 0)
            if len(self.received) < end:
                return
            self.received = self.received[end:]
            yield head.split(b" ", 2)[:2]


class Server:
    def __init__(self, address, pair, idle, log):
        host, port = address.rsplit(":", 1)
        self._listener = socket.create_server((host, int(port)), backlog=4096)
        self._listener.setblocking(False)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(*pair)
        self._tls.set_alpn_protocols(["http/1.1"])
        self._idle, self._log = idle, log
        self._poll = select.epoll()
        self._poll.register(self._listener, select.EPOLLIN)
        self._connections = {}
        self._ends = []  # a heap of when which connection may have become idle

    def serve(self):
        while True:
            wait = self._ends[0][0] - time.monotonic() if self._ends else -1
            # epoll counts in whole milliseconds, rounded up: what is left of one is spun away.
            for descriptor, _ in self._poll.poll(max(0, wait - 0.001) if self._ends else None):
                if descriptor == self._listener.fileno():
                    self._accept()
                else:
                    self._advance(self._connections[descriptor])
            self._close_idle()

    def _accept(self):
        while True:
            try:
                tcp, _ = self._listener.accept()
            except BlockingIOError:
                return
            connection = Connection(tcp, self._tls)
            self._connections[connection.socket.fileno()] = connection
            self._poll.register(connection.socket, select.EPOLLIN)
            self._expect_end(connection)

    def _expect_end(self, connection):
        heapq.heappush(self._ends, (connection.last_used + self._idle, id(connection), connection))

    def _advance(self, connection):
        try:
            if not connection.is_shaken:
                connection.socket.do_handshake()
                connection.is_shaken = True
            while True:
                piece = connection.socket.recv(65536)
                if not piece:
                    return self._close(connection)
                connection.received += piece
                for method, target in connection.requests():
                    self._log.write(f"{method.decode()} {target.decode()}\n")
                    connection.socket.send(ANSWER)
                    connection.last_used = time.monotonic()
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLError, OSError):
            return self._close(connection)

    def _close_idle(self):
        now = time.monotonic()
        while self._ends and self._ends[0][0] <= now:
            _, _, connection = heapq.heappop(self._ends)
            if connection.socket.fileno() < 0:
                continue
            if connection.last_used + self._idle > now:
                self._expect_end(connection)
                continue
            self._close(connection)

    def _close(self, connection):
        """As servers do: says so by TLS and by TCP, and waits for nothing."""
        descriptor = connection.socket.fileno()
        self._poll.unregister(descriptor)
        del self._connections[descriptor]
        try:
            connection.socket.unwrap()
        except (ssl.SSLError, OSError, ValueError):
            pass  # the peer's own goodbye is not awaited
        connection.socket.close()


def main():
    address, pem, key, idle, log = sys.argv[1:]
    with open(log, "w", buffering=1) as lines:
        Server(address, (pem, key), float(idle), lines).serve()


if __name__ == "__main__":
    main()
