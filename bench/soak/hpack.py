"""Fields of HTTP/2 heads: read by libnghttp2, and written in the plainest way there is."""

import ctypes

_EMIT, _FINAL = 2, 1


class _Field(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("value", ctypes.c_void_p),
                ("name_size", ctypes.c_size_t), ("value_size", ctypes.c_size_t),
                ("flags", ctypes.c_uint8)]


_library = ctypes.CDLL("libnghttp2.so.14")
_inflate = _library.nghttp2_hd_inflate_hd2
_inflate.restype = ctypes.c_ssize_t
_inflate.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Field), ctypes.POINTER(ctypes.c_int),
                     ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]


class Inflater:
    """The decoder of one connection (RFC 7541)."""

    def __init__(self):
        self._decoder = ctypes.c_void_p()
        if _library.nghttp2_hd_inflate_new(ctypes.byref(self._decoder)) != 0:
            raise MemoryError

    def fields(self, block):
        """The fields of a whole header block, by name."""
        found, field, flags = {}, _Field(), ctypes.c_int()
        while True:
            flags.value = 0
            taken = _inflate(self._decoder, field, flags, block, len(block), 1)
            if taken < 0:
                raise ValueError(f"HPACK error {taken}")
            block = block[taken:]
            if flags.value & _EMIT:
                name = ctypes.string_at(field.name, field.name_size).decode("latin-1")
                found[name] = ctypes.string_at(field.value, field.value_size).decode("latin-1")
            if flags.value & _FINAL:
                _library.nghttp2_hd_inflate_end_headers(self._decoder)
                return found

    def close(self):
        _library.nghttp2_hd_inflate_del(self._decoder)


def _string(text):
    size = len(text)
    if size < 127:
        return bytes([size]) + text
    head, size = b"\x7f", size - 127
    while size >= 128:
        head, size = head + bytes([size % 128 + 128]), size // 128
    return head + bytes([size]) + text


def block(*fields):
    """A header block of literals without indexing and without Huffman's code."""
    return b"".join(b"\0" + _string(name.encode()) + _string(str(value).encode())
                    for name, value in fields)
