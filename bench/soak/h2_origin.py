"""Origins that speak HTTP/2, frames written by hand: good ones, and a class for each other way."""

import asyncio
import struct

import hpack
from tokens import Asked

DATA, HEADERS, RST_STREAM, SETTINGS = 0, 1, 3, 4
PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 1, 1, 4, 8, 0x20
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 3, 4
NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 0, 2, 7, 8, 11
FRAME_BYTES = 16384


def frame(kind, flags, stream, payload=b""):
    return struct.pack("!IBI", len(payload) << 8 | kind, flags, stream) + payload


class Stream:
    def __init__(self, number, window):
        self.number, self.window, self.body = number, window, bytearray()
        self.asked = None


class Session:
    """A session of the daemon; good unless a subclass says otherwise."""

    settings = {MAX_CONCURRENT_STREAMS: 32, INITIAL_WINDOW_SIZE: 1 << 18}

    def __init__(self, origin, reader, writer):
        self.chance, self._ledger = origin.chance, origin.ledger
        self._reader, self._writer = reader, writer
        self._inflater = hpack.Inflater()
        self._streams, self._tasks = {}, set()
        self._window, self._initial_window = 65535, 65535
        self._changed = asyncio.Event()
        self._block = None
        self.last_begun = 0

    # What subclasses change.

    def refuses(self, stream):
        """Whether it will not act on this request; called when its head is here."""
        return False

    async def answer(self, stream):
        await self.reply(stream)

    # What they are made of.

    def send(self, kind, flags, number, payload=b""):
        self._writer.write(frame(kind, flags, number, payload))

    def reset(self, stream, code):
        self._streams.pop(stream.number, None)
        self.send(RST_STREAM, 0, stream.number, struct.pack("!I", code))

    def leave(self, last_stream, code=0):
        self.send(GOAWAY, 0, 0, struct.pack("!II", last_stream, code))

    def cut(self):
        if self.chance.random() < 0.5:
            self._writer.transport.abort()
        else:
            self._writer.close()

    def send_head(self, stream, size, flags=END_HEADERS):
        self.send(HEADERS, flags, stream.number, hpack.block(
            (":status", 200), ("content-length", size), ("x-token", stream.asked.token)))

    async def reply(self, stream):
        body = stream.asked.answer()
        if stream.asked.method == "HEAD":
            self.send_head(stream, len(body), END_HEADERS | END_STREAM)
        else:
            self.send_head(stream, len(body))
            await self.send_body(stream, body)
        self._streams.pop(stream.number, None)

    async def send_body(self, stream, body, end=END_STREAM):
        while True:
            size = max(0, min(len(body), stream.window, self._window, FRAME_BYTES))
            if size or not body:
                stream.window -= size
                self._window -= size
                piece, body = body[:size], body[size:]
                self.send(DATA, 0 if body else end, stream.number, piece)
                await self._writer.drain()
                if not body:
                    return
            elif stream.number not in self._streams:
                return  # it was reset
            else:
                self._changed.clear()
                await self._changed.wait()

    async def run(self):
        try:
            if await self._reader.readexactly(len(PREFACE)) != PREFACE:
                return
            self.send(SETTINGS, 0, 0, b"".join(struct.pack("!HI", *each)
                                               for each in self.settings.items()))
            self.send(WINDOW_UPDATE, 0, 0, struct.pack("!I", 1 << 20))
            while True:
                size_and_kind, flags, number = struct.unpack("!IBI",
                                                             await self._reader.readexactly(9))
                payload = await self._reader.readexactly(size_and_kind >> 8)
                self._take(size_and_kind & 0xff, flags, number & 0x7fffffff, payload)
        except (OSError, EOFError, ValueError, RuntimeError):
            pass  # the daemon has gone, or we have cut it
        finally:
            self._streams.clear()
            for task in self._tasks:
                task.cancel()
            self._inflater.close()

    def _take(self, kind, flags, number, payload):
        if kind in (HEADERS, CONTINUATION):
            self._take_head(kind, flags, number, payload)
        elif kind == DATA:
            self._take_data(flags, number, payload)
        elif kind == SETTINGS and not flags & ACK:
            self._take_settings(payload)
        elif kind == PING and not flags & ACK:
            self.send(PING, ACK, 0, payload)
        elif kind == WINDOW_UPDATE:
            (size,) = struct.unpack("!I", payload)
            if number == 0:
                self._window += size
            elif number in self._streams:
                self._streams[number].window += size
            self._changed.set()
        elif kind == RST_STREAM:
            self._streams.pop(number, None)
            self._changed.set()

    def _take_settings(self, payload):
        for begin in range(0, len(payload), 6):
            name, value = struct.unpack("!HI", payload[begin:begin + 6])
            if name == INITIAL_WINDOW_SIZE:
                for stream in self._streams.values():
                    stream.window += value - self._initial_window
                self._initial_window = value
        self.send(SETTINGS, ACK, 0)
        self._changed.set()

    def _take_head(self, kind, flags, number, payload):
        if kind == HEADERS:
            if flags & PADDED:
                payload = payload[1:len(payload) - payload[0]]
            if flags & PRIORITY:
                payload = payload[5:]
            self._block = (payload, flags & END_STREAM)
        else:
            self._block = (self._block[0] + payload, self._block[1])
        if not flags & END_HEADERS:
            return
        fields = self._inflater.fields(self._block[0])
        stream = self._streams.get(number)
        if stream is None:  # else these are trailers
            stream = self._streams[number] = Stream(number, self._initial_window)
            stream.asked = Asked(fields[":method"], fields[":path"], fields)
            if self.refuses(stream):
                self._streams.pop(number, None)
                return
            self.last_begun = number
            self._ledger.begun(stream.asked)
        if self._block[1]:
            self._end(stream)

    def _take_data(self, flags, number, payload):
        if payload:  # also of a stream that is gone: it counts for the connection
            self.send(WINDOW_UPDATE, 0, 0, struct.pack("!I", len(payload)))
        stream = self._streams.get(number)
        if stream is None:
            return
        if payload and not flags & END_STREAM:
            self.send(WINDOW_UPDATE, 0, number, struct.pack("!I", len(payload)))
        stream.body += payload[1:len(payload) - payload[0]] if flags & PADDED else payload
        if flags & END_STREAM:
            self._end(stream)

    def _end(self, stream):
        stream.asked.body = bytes(stream.body)
        self._ledger.whole(stream.asked)
        task = asyncio.get_running_loop().create_task(self._answer(stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, stream):
        try:
            await self.answer(stream)
        except (OSError, RuntimeError):
            pass


class Leaving(Session):
    """Says GOAWAY before some request that it does not act on, ends the others, and is gone."""

    is_leaving = False

    def refuses(self, stream):
        if not self.is_leaving and self.chance.random() < 0.1:
            self.is_leaving = True
            self.leave(self.last_begun)
            asyncio.get_running_loop().call_later(0.5, self.cut)
        return self.is_leaving


class Refusing(Session):
    """REFUSED_STREAM for one request of three."""

    def refuses(self, stream):
        if self.chance.random() < 0.67:
            return False
        self.reset(stream, REFUSED_STREAM)
        return True


class Early(Session):
    """Refuses a body before it has come (RFC 9113 §8.1)."""

    def refuses(self, stream):
        if stream.asked.method in ("GET", "HEAD"):
            return False
        self.send(HEADERS, END_HEADERS | END_STREAM, stream.number, hpack.block((":status", 413)))
        if not self._block[1]:
            self.reset(stream, NO_ERROR)
        return True


class Resetting(Session):
    """RST_STREAM, before the head of the response or in its body."""

    async def answer(self, stream):
        way = self.chance.randrange(4)
        if way == 0:
            self.reset(stream, self.chance.choice([INTERNAL_ERROR, CANCEL, ENHANCE_YOUR_CALM]))
        elif way == 1 and stream.asked.method != "HEAD":
            self.send_head(stream, len(stream.asked.answer()))
            await self.send_body(stream, stream.asked.answer()[:20], end=0)
            self.reset(stream, INTERNAL_ERROR)
        else:
            await self.reply(stream)


class Short(Session):
    """Fewer or more bytes than announced."""

    async def answer(self, stream):
        body = stream.asked.answer()
        if stream.asked.method == "HEAD" or self.chance.random() < 0.4:
            return await self.reply(stream)
        self.send_head(stream, len(body))
        await self.send_body(stream, body[:-5] if self.chance.random() < 0.5 else body + b"extra")
        self._streams.pop(stream.number, None)


class Broken(Session):
    """Frames that are none."""

    async def answer(self, stream):
        if self.chance.random() < 0.6:
            return await self.reply(stream)
        self._writer.write(self.chance.choice([
            self.chance.randbytes(300),
            frame(HEADERS, END_HEADERS, stream.number, b"\xff\xff\xff\xff\xff"),
            frame(DATA, 0, stream.number + 1000, b"nobody's"), frame(SETTINGS, 0, 0, b"odd"),
            frame(WINDOW_UPDATE, 0, 0, struct.pack("!I", 0x7fffffff)),
            frame(CONTINUATION, END_HEADERS, stream.number, b""),
            frame(HEADERS, END_HEADERS | END_STREAM, stream.number,
                  hpack.block((":status", 200), ("Upper", "case")))]))


class Silent(Session):
    """Answers PING, and no request."""

    async def answer(self, stream):
        await asyncio.sleep(3600)


class Flooding(Session):
    """Frames that cost it little, before a correct response."""

    async def answer(self, stream):
        kind, payload = self.chance.choice(
            [(PING, bytes(8)), (SETTINGS, b""), (WINDOW_UPDATE, struct.pack("!I", 1))])
        self._writer.write(frame(kind, 0, 0, payload) * 100)
        await self.reply(stream)


class Dribbling(Session):
    """One stream at a time, and small pieces."""

    settings = {MAX_CONCURRENT_STREAMS: 1, INITIAL_WINDOW_SIZE: 1000}

    async def answer(self, stream):
        body = stream.asked.answer()
        if stream.asked.method == "HEAD":
            return await self.reply(stream)
        self.send_head(stream, len(body))
        half = len(body) // 2
        await self.send_body(stream, body[:half], end=0)
        await asyncio.sleep(0.2)
        await self.send_body(stream, body[half:])
        self._streams.pop(stream.number, None)


class H2Origin:
    """A listener whose sessions are of one class."""

    def __init__(self, session, ledger, chance):
        self.session, self.ledger, self.chance = session, ledger, chance
        self._servers = []

    async def listen(self, tls, port=0):
        self._servers.append(await asyncio.start_server(
            self._serve, "127.0.0.1", port, ssl=tls, reuse_address=True, backlog=500))
        return self._servers[-1].sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        try:
            await self.session(self, reader, writer).run()
        finally:
            writer.close()
            asyncio.get_running_loop().call_later(1, writer.transport.abort)
