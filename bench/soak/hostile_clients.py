"""Misbehaving clients: a coroutine for each way, all from an address of their own.

Each is given a Hostile, does its worst for a few seconds at most, and is gone.
"""

import asyncio
import socket

import client
import tokens

BAD_HEADS = [  # what two parsers could read in two ways (RFC 9112 §2.2, §5, §6, §7.1)
    "POST {target} HTTP/1.1\r\n{host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    "0\r\n\r\n",
    "POST {target} HTTP/1.1\r\n{host}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "POST {target} HTTP/1.1\r\n{host}Content-Length: +5\r\n\r\nabcde",
    "POST {target} HTTP/1.1\r\n{host}Content-Length: 99999999999999999999\r\n\r\nabcde",
    "POST {target} HTTP/1.1\r\n{host}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "POST {target} HTTP/1.1\r\n{host}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "POST {target} HTTP/1.0\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET {target} HTTP/1.1\r\n{host}X-A : b\r\n\r\n",
    "GET {target} HTTP/1.1\r\n{host}X-A: b\r\n folded\r\n\r\n",
    "GET {target} HTTP/1.1\r\n{host}X-A: b\0c\r\n\r\n",
    "GET {target} HTTP/1.1\r\n{host}X-A: b\rX-B: c\r\n\r\n",
    "GET {target} HTTP/1.1\r\n{host}:path: /other\r\n\r\n",
    "GET {target} HTTP/1.1\r\n\r\n",
    "GET {target} HTTP/1.1\r\n{host}{host}\r\n",
    "GET {target} HTTP/3.7\r\n{host}\r\n",
    "GET {target}#fragment HTTP/1.1\r\n{host}\r\n",
]


class Hostile:
    """What the ways share."""

    def __init__(self, port, record, good_origins, all_origins, chance):
        self.port, self.record, self.chance = port, record, chance
        self.good_origins, self.all_origins = good_origins, all_origins
        self._number, self._first = 0, list(WAYS)

    async def run(self):
        way = self._first.pop() if self._first else self.chance.choice(WAYS)
        self.record.hostile(way.__name__)
        try:
            async with asyncio.timeout(client.PATIENCE):
                await way(self)
        except TimeoutError:  # which is an OSError, too
            self.record.fail("hostile client", f"{way.__name__} has not ended")
        except (OSError, EOFError, ValueError):
            pass  # the daemon may well have closed

    def token(self, way):
        self._number += 1
        return f"{way}{self._number:06}"

    async def open(self):
        return await client.Connection.open(self.port, client.BAD_ADDRESS)

    def host(self):
        """Of an origin that is good."""
        return f"Host: {self.chance.choice(self.good_origins).authority}"

    def any_host(self):
        return f"Host: {self.chance.choice(self.all_origins).authority}"

    @staticmethod
    def head(method, target, *fields):
        return "\r\n".join([f"{method} {target} HTTP/1.1", *fields, "", ""]).encode()

    def vanish(self, connection):
        """By FIN as often as by RST."""
        if self.chance.random() < 0.5:
            connection.end()
        else:
            connection.reset()

    async def answers(self, connection):
        """All answers until the daemon closes."""
        got = []
        try:
            while True:
                answer = await connection.receive("GET")
                self.record.answered_hostile(answer)
                got.append(answer)
        except (EOFError, OSError):
            return got
        finally:
            connection.end()


async def slow_head(hostile):
    """A head without end, a few bytes at a time."""
    connection = await hostile.open()
    await connection.send(hostile.head("GET", "/echo/slow", hostile.host())[:-2])
    answers = asyncio.ensure_future(hostile.answers(connection))
    for number in range(60):
        if answers.done():
            break
        await connection.send(b"X-%d: y\r\n" % number)
        await asyncio.wait([answers], timeout=0.2)
    await answers


async def vanish_in_upload(hostile):
    connection = await hostile.open()
    await connection.send(hostile.head("POST", f"/echo/{hostile.token('up')}",
                                       hostile.any_host(), "Content-Length: 200000"))
    for _ in range(hostile.chance.randrange(4)):
        await connection.send(bytes(20000))
        await asyncio.sleep(0.02)
    hostile.vanish(connection)


async def vanish_in_download(hostile):
    connection = await hostile.open()
    await connection.send(hostile.head("GET", f"/download/{hostile.token('down')}/2000000",
                                       hostile.any_host()))
    await connection.reader.read(50000)
    hostile.vanish(connection)


async def vanish_before_answer(hostile):
    connection = await hostile.open()
    await connection.send(hostile.head("GET", f"/echo/{hostile.token('gone')}",
                                       hostile.any_host()))
    hostile.vanish(connection)


async def half_close(hostile):
    """A whole request and FIN: the answer comes, or the connection ends."""
    connection = await hostile.open()
    token = hostile.token("half")
    await connection.send(hostile.head("GET", f"/download/{token}/1000", hostile.host()))
    connection.writer.write_eof()
    for answer in await hostile.answers(connection):
        if answer.status == 200 and answer.is_whole and answer.body != tokens.pattern(token, 1000):
            hostile.record.fail("cross-talk", f"{token} got {answer.body[:80]!r}")


async def garbage(hostile):
    connection = await hostile.open()
    await connection.send(hostile.chance.randbytes(hostile.chance.randrange(1, 5000)) + b"\r\n\r\n")
    connection.writer.write_eof()
    await hostile.answers(connection)


async def smuggle(hostile):
    """Refused, closed, and nothing of it at the origin (the token is looked for there)."""
    connection = await hostile.open()
    token = hostile.token("smuggled")
    target, text = f"/echo/{token}", hostile.chance.choice(BAD_HEADS)
    host = hostile.host() + "\r\n"
    await connection.send(text.format(target=target, host=host).encode()
                          + hostile.head("GET", f"/echo/{hostile.token('smuggled')}",
                                         hostile.host()))
    answers = await hostile.answers(connection)
    if [answer.status // 100 for answer in answers] not in ([4], [5]):
        hostile.record.fail("smuggling", f"{text!r}: {[answer.status for answer in answers]}")


async def large_head(hostile):
    connection = await hostile.open()
    try:
        await connection.send(hostile.head("GET", "/echo/large", hostile.host(),
                                           "X-Large: " + "x" * 100_000))
    finally:
        answers = await hostile.answers(connection)
    if [answer.status for answer in answers] not in ([431], []):  # [] is a reset on the way
        hostile.record.fail("hostile client", f"large head: {[each.status for each in answers]}")


async def stop_reading(hostile):
    connection = await hostile.open()
    connection.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await connection.send(hostile.head("GET", f"/download/{hostile.token('stop')}/4000000",
                                       hostile.host()))
    connection.writer.transport.pause_reading()
    await asyncio.sleep(hostile.chance.uniform(1, 8))
    connection.reset()


async def flood(hostile):
    """Many connections that ask for nothing."""
    connections = await asyncio.gather(*(hostile.open() for _ in range(40)))
    await asyncio.sleep(0.5)
    for connection in connections:
        hostile.vanish(connection)


async def garbage_after_request(hostile):
    """The good request gets its answer, the rest 400."""
    connection = await hostile.open()
    token = hostile.token("first")
    await connection.send(hostile.head("GET", f"/download/{token}/5000", hostile.host())
                          + hostile.chance.randbytes(40) + b"\r\n\r\n")
    answers = await hostile.answers(connection)
    if not answers or answers[0].body != tokens.pattern(token, 5000):
        hostile.record.fail("hostile client", f"{token}: no answer before garbage")
    if [answer.status for answer in answers[1:]] not in ([400], []):
        hostile.record.fail("hostile client", f"garbage: {[each.status for each in answers]}")


WAYS = [slow_head, vanish_in_upload, vanish_in_download, vanish_before_answer, half_close, garbage,
        smuggle, large_head, stop_reading, flood, garbage_after_request]
