"""The content coding aws-chunked: taken apart and verified, from the documents of S3 ("Signature
calculations for the Authorization header: Transferring payload in multiple chunks", "Including
trailing headers")."""

import base64
import hashlib
import re
import zlib

import sigv4


def _crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC32C = _crc32c_table()


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = CRC32C[(value ^ byte) & 0xFF] ^ value >> 8
    return (value ^ 0xFFFFFFFF).to_bytes(4, "big")


CHECKSUMS = {
    "x-amz-checksum-crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "x-amz-checksum-crc32c": crc32c,
    "x-amz-checksum-sha1": lambda data: hashlib.sha1(data).digest(),
    "x-amz-checksum-sha256": lambda data: hashlib.sha256(data).digest(),
}


def checksum(name, data):
    """In base64, as the fields carry it."""
    if name not in CHECKSUMS:
        raise sigv4.Refused("NotImplemented", name)
    return base64.b64encode(CHECKSUMS[name](data)).decode()


class Decoded:
    """The data, the trailer's fields, and how many chunks there were, the last one not counted."""

    def __init__(self, data, trailer, chunks):
        self.data, self.trailer, self.chunks = data, trailer, chunks


def decode(body, verified):
    """`verified` is the request, whose payload says which of the three forms `body` is of."""
    is_signed = verified.payload != sigv4.UNSIGNED_AND_TRAILER
    has_trailer = verified.payload != sigv4.CHUNKS
    head = re.compile(rb"([0-9a-fA-F]{1,8})"
                      + (rb";chunk-signature=([0-9a-f]{64})" if is_signed else rb"") + rb"\r\n")
    data, at, chunks, previous = bytearray(), 0, 0, verified.signature
    while True:
        found = head.match(body, at)
        if not found:
            raise sigv4.Refused("InvalidChunkSizeError", repr(bytes(body[at:at + 90])))
        size, at = int(found[1], 16), found.end()
        piece = body[at:at + size]
        if len(piece) != size:
            raise sigv4.Refused("IncompleteBody", f"a chunk has {len(piece)} of {size} bytes")
        if is_signed:
            if verified.sign_chunk(previous, piece) != found[2].decode():
                raise sigv4.Refused("SignatureDoesNotMatch", f"chunk {chunks} of {size} bytes")
            previous = found[2].decode()
        at += size
        if size == 0:
            break
        if body[at:at + 2] != b"\r\n":
            raise sigv4.Refused("IncompleteBody", f"chunk {chunks} does not end")
        data += piece
        at, chunks = at + 2, chunks + 1
    trailer = _trailer(bytes(body[at:]), has_trailer, verified if is_signed else None, previous)
    return Decoded(bytes(data), trailer, chunks)


def _trailer(rest, has_trailer, verified, previous):
    """`verified` and the last chunk's signature where the trailer has one of its own."""
    if not has_trailer:
        if rest != b"\r\n":
            raise sigv4.Refused("IncompleteBody", f"behind the last chunk: {rest!r}")
        return {}
    if not rest.endswith(b"\r\n\r\n") and rest != b"\r\n":
        raise sigv4.Refused("IncompleteBody", f"the trailer does not end: {rest!r}")
    lines = [line for line in re.split(rb"\r?\n", rest) if line]
    fields = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or name != name.lower():
            raise sigv4.Refused("MalformedTrailerError", repr(line))
        fields[name.decode()] = value.strip().decode()
    given = fields.pop("x-amz-trailer-signature", None)
    if verified is not None:
        canonical = "".join(f"{name}:{fields[name]}\n" for name in sorted(fields)).encode()
        if given != verified.sign_trailer(previous, canonical):
            raise sigv4.Refused("SignatureDoesNotMatch", f"trailer {rest!r}")
    elif given is not None:
        raise sigv4.Refused("MalformedTrailerError", "a signature of a trailer that has none")
    return fields
