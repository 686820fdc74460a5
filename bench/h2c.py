"""One HTTP/2 client without TLS, its frames written by hand."""

import pathlib
import socket
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "soak"))

import hpack  # noqa: E402
from h2_origin import (ACK, DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE,  # noqa: E402
                       SETTINGS, frame)

FRAME_HEAD_BYTES = 9


def exchange(port, host, path):
    """A connection after one whole exchange."""
    client = socket.create_connection(("127.0.0.1", port), 20)
    head = hpack.block((":method", "GET"), (":scheme", "http"), (":path", path),
                       (":authority", host))
    client.sendall(PREFACE + frame(SETTINGS, 0, 0)
                   + frame(HEADERS, END_HEADERS | END_STREAM, 1, head))
    with client.makefile("rb") as received:
        while True:
            size_and_kind, flags, stream = struct.unpack("!IBI", received.read(FRAME_HEAD_BYTES))
            kind = size_and_kind & 0xff
            received.read(size_and_kind >> 8)
            if kind == SETTINGS and not flags & ACK:
                client.sendall(frame(SETTINGS, ACK, 0))
            if kind in (DATA, HEADERS) and stream == 1 and flags & END_STREAM:
                return client
