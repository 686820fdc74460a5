"""Well-behaved exchanges: unique tokens in path, field and body, and what came back judged."""

import asyncio
import time

import client
import tokens

KINDS = {  # how often
    "get": 30, "head": 5, "post": 20, "post-chunked": 15, "put": 3, "download": 15,
    "download-large": 2,
}
PIPELINED = 3
IDLE_SECONDS = 5.0  # no connection is used again after that: the daemon may be closing it
OWN_FAILURES = {502, 503, 504}  # answers of the daemon to what origins do


class Request:
    """A request, and the only right answer to it."""

    def __init__(self, kind, authority, prefix, token, chance):
        self.kind, self.token, self.sent_at = kind, token, 0.0
        self.method = {"head": "HEAD", "put": "PUT"}.get(
            kind, "POST" if kind.startswith("post") else "GET")
        field, body, target = token + "f", b"", f"{prefix}/echo/{token}"
        if kind.startswith("download"):
            size = 3 << 20 if kind == "download-large" else chance.randrange(1, 200_000)
            target = f"{prefix}/download/{token}/{size}"
            self.expected = tokens.pattern(token, size)
        else:
            if self.method in ("POST", "PUT"):
                body = tokens.pattern(token + "b", 1 << 20 if kind == "put"
                                      else chance.choice([0, 10, 2000, 70_000]))
            self.expected = tokens.echo(token, field, body)
        self.data = self._text(target, authority, field, body)

    def _text(self, target, authority, field, body):
        head = f"{self.method} {target} HTTP/1.1\r\nHost: {authority}\r\nX-Token: {field}\r\n"
        if self.kind == "post-chunked":
            cut = len(body) // 3
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece)
                              for piece in (body[:cut], body[cut:]) if piece)
            return head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
        if self.method in ("POST", "PUT"):
            head += f"Content-Length: {len(body)}\r\n"
        return head.encode() + b"\r\n" + body

    def is_crossed(self, answer):
        """Whether there is in it what does not belong to this request."""
        if answer.status != 200:
            return b"path=" in answer.body  # what only origins say
        if answer.fields.get("x-token") != self.token:
            return True
        if self.method == "HEAD":
            return False
        return (answer.body != self.expected if answer.is_whole
                else not self.expected.startswith(answer.body))


class WellBehaved:
    """Sends requests to the origins it is given, and keeps account of what came of them."""

    def __init__(self, port, record, chance):
        self._port, self._record, self._chance = port, record, chance
        self._idle = []
        self._number = 0

    async def exchange(self, origin):
        """One request and its answer, on a connection of its own or one that was used before."""
        if origin.is_good and self._chance.random() < 0.05:
            return await self._pipeline(origin)
        kind, = self._chance.choices(list(KINDS), KINDS.values())
        await self._exchange(origin, [self._request(origin, kind)])

    async def _pipeline(self, origin):
        kinds = [self._chance.choice(["get", "post", "head"]) for _ in range(PIPELINED)]
        await self._exchange(origin, [self._request(origin, kind) for kind in kinds])

    def _request(self, origin, kind):
        self._number += 1
        return Request(kind, origin.authority, origin.prefix, f"t{self._number:07}", self._chance)

    async def _connection(self):
        usable = time.monotonic() - IDLE_SECONDS
        while self._idle and self._idle[0].used_at < usable:
            self._idle.pop(0).end()
        if self._idle and self._chance.random() < 0.7:
            return self._idle.pop()
        return await client.Connection.open(self._port)

    async def _exchange(self, origin, requests):
        connection = None
        for request in requests:
            self._record.sent(origin, request)
        try:
            async with asyncio.timeout(client.PATIENCE):
                connection = await self._connection()
                begun = time.monotonic()
                # The daemon may answer, and close, before it has a whole body: what it said counts.
                sending = asyncio.ensure_future(
                    connection.send(b"".join(request.data for request in requests)))
                sending.add_done_callback(lambda done: done.cancelled() or done.exception())
                for request in requests:
                    answer = await connection.receive(request.method)
                    self._record.answered(origin, request, answer, time.monotonic() - begun)
                if not sending.done():
                    connection.is_open = False
                    sending.cancel()
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            self._record.unanswered(origin, requests, error)
            if connection:
                connection.is_open = False
        if connection is None:
            return
        if connection.is_open and len(self._idle) < 20:
            connection.used_at = time.monotonic()
            self._idle.append(connection)
        else:
            connection.end()

    def end(self):
        for connection in self._idle:
            connection.end()
        self._idle.clear()
