"""Names of this soak: all are 127.0.0.1, but one that moves and one that nobody has."""

import socket
import struct
import time

from harness import NameServer

MOVING_TTL = 2  # seconds; also how often it moves


class MovingNames(NameServer):
    """As the tests' name server, with `moving.test` at 127.0.0.1 and 127.0.0.2 in turn."""

    @staticmethod
    def _answer(query):
        answer = NameServer._answer(query)
        if b"\x06moving" not in query or len(answer) <= len(query):
            return answer
        last = 1 + int(time.monotonic() / MOVING_TTL) % 2
        address = socket.inet_aton(f"127.0.0.{last}")
        return answer[:-10] + struct.pack("!IH4s", MOVING_TTL, 4, address)
