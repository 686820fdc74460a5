"""A name server whose answers can be changed at any moment."""

import socket
import struct
import threading

ADDRESS = ("127.0.0.1", 53)
A = 1


class Names:
    """Answers for the names it was given, at port 53 of the calling thread's own 127.0.0.1."""

    def __init__(self):
        self._answers = {}  # by name: its TTL in seconds, and its addresses
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(ADDRESS)
        threading.Thread(target=self._serve, daemon=True).start()

    def set(self, name, addresses, ttl=60):
        self._answers[name.encode()] = (ttl, list(addresses))

    def _serve(self):
        while True:
            query, client = self._socket.recvfrom(4096)
            self._socket.sendto(self._answer(query), client)

    def _answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]])
            at += 1 + query[at]
        question = query[12:at + 5]  # with type and class
        (record_type,) = struct.unpack("!H", question[-4:-2])
        known = self._answers.get(b".".join(labels).lower())
        ttl, addresses = known or (0, [])
        found = addresses if record_type == A else []
        code = 0 if known else 3
        head = struct.pack("!2sHHHHH", query[:2], 0x8580 | code, 1, len(found), 0, 0)
        return head + question + b"".join(
            struct.pack("!HHHIH4s", 0xC00C, A, 1, ttl, 4, socket.inet_aton(address))
            for address in found)
