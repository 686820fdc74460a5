"""Many clients at once, and an origin that keeps them waiting."""

import selectors
import socket
import threading
import time

from harness import PATIENCE, wait_until


class HoldingOrigin:
    """A plain HTTP/1.1 origin that takes any number of requests, and answers once it is told to."""

    def __init__(self):
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listening.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._asked = []
        self._released = False
        self._ended = False
        self.held = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def authority(self, name="hold.test"):
        return f"{name}.ccnproxy:{self._listening.getsockname()[1]}"

    def release(self):
        self._released = True

    def close(self):
        self._ended = True
        self._thread.join(PATIENCE)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()

    def _serve(self):
        while not self._ended:
            for key, _ in self._selector.select(0.02):
                self._take(key.fileobj)
            if self._released:
                for connection in self._asked:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nheld")
                self._asked.clear()

    def _take(self, ready):
        if ready is self._listening:
            connection, _ = ready.accept()
            self._selector.register(connection, selectors.EVENT_READ)
        elif b"\r\n\r\n" in self._read(ready):
            self._asked.append(ready)
            self.held += 1

    def _read(self, connection):
        try:
            got = connection.recv(65536)
        except OSError:
            got = b""
        if not got:
            self._selector.unregister(connection)
            connection.close()
        return got


class Crowd:
    """Many clients' connections, driven together."""

    def __init__(self, nikawa, count, text):
        """`text` is what each sends at first; {number} in it is the client's."""
        self.got = {}  # of each connection: what came
        self.ended = set()
        self._selector = selectors.DefaultSelector()
        for number in range(count):
            connection = socket.create_connection(("127.0.0.1", nikawa.port), PATIENCE)
            connection.sendall(text.format(number=number).encode())
            connection.setblocking(False)
            self.got[connection] = b""
            self._selector.register(connection, selectors.EVENT_READ)

    def send(self, text):
        for connection in self.got.keys() - self.ended:
            try:
                connection.send(text.encode())
            except OSError:
                pass  # it has ended, which receive() sees when it has taken the rest

    def receive(self, seconds=0.0):
        """Takes what comes within so long."""
        deadline = time.monotonic() + seconds
        while True:
            ready = self._selector.select(max(0.0, deadline - time.monotonic()))
            for key, _ in ready:
                self._read(key.fileobj)
            if time.monotonic() >= deadline:
                return self

    def _read(self, connection):
        try:
            piece = connection.recv(65536)
        except OSError:
            piece = b""
        self.got[connection] += piece
        if not piece:
            self._end(connection)

    def _end(self, connection):
        if connection not in self.ended:
            self.ended.add(connection)
            self._selector.unregister(connection)

    def statuses(self):
        """How many have which status; "" is none as yet."""
        counts = {}
        for got in self.got.values():
            status = got[9:12].decode()
            counts[status] = counts.get(status, 0) + 1
        return counts

    def wait(self, condition, what):
        return wait_until(lambda: condition(self.receive(0.02)), what)

    def close(self):
        for connection in self.got:
            connection.close()
        self._selector.close()
