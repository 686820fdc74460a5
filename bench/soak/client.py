"""A client's connection to nikawa, and answers read strictly."""

import asyncio

GOOD_ADDRESS, BAD_ADDRESS = "127.0.0.1", "127.0.0.3"  # by which the access log tells them apart
HEAD_LIMIT = 1 << 18
PATIENCE = 30.0  # for what the daemon ends sooner by its own timeouts


class Answer:
    """What came back; `body` is what there was of it, `is_whole` says whether that was all."""

    def __init__(self, status, fields):
        self.status, self.fields = status, fields
        self.body, self.is_whole = b"", False

    @property
    def id(self):
        return self.fields.get("x-chocon-id")


class Connection:
    """One connection; requests go out as bytes, answers come back one after the other."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.used_at = 0.0
        self.is_open = True

    @classmethod
    async def open(cls, port, address=GOOD_ADDRESS):
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=HEAD_LIMIT,
                                                  local_addr=(address, 0)))

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self, method):
        """The answer to a request by this method; raises when there is none that can be read."""
        while True:
            answer = self._head(await self.reader.readuntil(b"\r\n\r\n"))
            if answer.status >= 200:
                break
        try:
            await self._body(answer, method)
        except (EOFError, OSError):
            self.is_open = False
        if answer.fields.get("connection", "").lower() == "close":
            self.is_open = False
        return answer

    @staticmethod
    def _head(text):
        line, *rows = text.decode("latin-1")[:-4].split("\r\n")
        version, status, *_ = line.split(" ")
        if version != "HTTP/1.1" or len(status) != 3:
            raise ValueError(f"status line {line!r}")
        fields = dict(row.split(": ", 1) for row in rows)
        if len(fields) != len(rows):
            raise ValueError("a field twice")
        return Answer(int(status), {name.lower(): value for name, value in fields.items()})

    async def _body(self, answer, method):
        if method == "HEAD" or answer.status in (204, 304):
            answer.is_whole = True
        elif answer.fields.get("transfer-encoding") == "chunked":
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                await self._read(answer, size)
                if await self.reader.readexactly(2) != b"\r\n":
                    raise ValueError("a chunk without end")
            answer.is_whole = await self.reader.readuntil(b"\r\n") == b"\r\n"
        elif "content-length" in answer.fields:
            await self._read(answer, int(answer.fields["content-length"]))
            answer.is_whole = True
        else:
            answer.body = await self.reader.read()
            answer.is_whole, self.is_open = True, False

    async def _read(self, answer, size):
        pieces = []
        try:
            while size:
                piece = await self.reader.read(min(size, 1 << 16))
                if not piece:
                    raise EOFError
                pieces.append(piece)
                size -= len(piece)
        finally:
            answer.body += b"".join(pieces)

    def end(self):
        """Closes in order."""
        self.is_open = False
        self.writer.close()

    def reset(self):
        """Vanishes: what was not read or sent is lost."""
        self.is_open = False
        self.writer.transport.abort()
