"""Origins that speak HTTP/1.1, good ones and others: a function for each way to behave."""

import asyncio

from tokens import Asked

HEAD_LIMIT = 1 << 18


class Connection:
    """A session of the daemon, at the origin."""

    def __init__(self, origin, reader, writer):
        self.origin, self.reader, self.writer = origin, reader, writer
        self.chance = origin.chance
        self.asked = None

    async def next_head(self):
        """The next request, its body not yet read; raises at the end."""
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *rows = text.rstrip("\r\n").split("\r\n")
        method, target, _ = line.split(" ")
        fields = {name.lower(): value.strip()
                  for name, value in (row.split(":", 1) for row in rows)}
        self.asked = Asked(method, target, fields)
        self.origin.ledger.begun(self.asked)
        return self.asked

    async def read_body(self):
        fields, pieces = self.asked.fields, []
        if fields.get("expect"):
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "content-length" in fields:
            pieces.append(await self.reader.readexactly(int(fields["content-length"])))
        elif "transfer-encoding" in fields:
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                pieces.append((await self.reader.readexactly(size + 2))[:-2])
            await self.reader.readuntil(b"\r\n")
        self.asked.body = b"".join(pieces)
        self.origin.ledger.whole(self.asked)

    def head(self, size=None, *fields):
        """A response head; without a size the body is chunked."""
        framing = "Transfer-Encoding: chunked" if size is None else f"Content-Length: {size}"
        return "\r\n".join(["HTTP/1.1 200 OK", framing, "X-Token: " + self.asked.token, *fields,
                            "", ""]).encode()

    def response(self):
        """A whole and correct response."""
        body = self.asked.answer()
        if self.asked.method == "HEAD":
            return self.head(len(body))
        if self.chance.random() < 0.5:
            return self.head(len(body)) + body
        cut = self.chance.randrange(len(body))
        return self.head() + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece)
                                      for piece in (body[:cut], body[cut:]) if piece) + b"0\r\n\r\n"

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    def cut(self):
        """Ends it at once, by RST as often as by FIN."""
        if self.chance.random() < 0.5:
            self.writer.transport.abort()
        else:
            self.writer.close()


# Each is called when a head has been read, and says whether the connection goes on.

async def good(connection):
    await connection.read_body()
    await connection.send(connection.response())
    return True


async def idle_closer(connection):
    """Leaves its sessions after an idle time that nobody can know."""
    await good(connection)
    loop = asyncio.get_running_loop()
    connection.leaving = loop.call_later(connection.chance.uniform(0.001, 0.3), connection.cut)
    return True


async def after_request(connection):
    """Takes the request, and is gone."""
    if connection.chance.random() < 0.5:
        return await good(connection)
    if connection.chance.random() < 0.5:
        await connection.read_body()
    return False


async def truncated(connection):
    await connection.read_body()
    if connection.chance.random() < 0.3:
        await connection.send(connection.response())
        return True
    body = connection.asked.answer()
    if connection.chance.random() < 0.5:
        await connection.send(connection.head(len(body) + 10) + body)
    else:
        await connection.send(connection.head() + b"%x\r\n%s" % (len(body) + 10, body))
    return False


async def garbage(connection):
    await connection.read_body()
    await connection.send(connection.chance.choice([
        connection.chance.randbytes(500), b"HTTP/1.1 2000 Many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA B: c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", b"SSH-2.0-soak\r\n" * 20,
        connection.head() + b"xyz\r\n"]))
    return connection.chance.random() < 0.5


async def extra_bytes(connection):
    """A response, and in the same write another one that nobody asked for."""
    await connection.read_body()
    await connection.send(connection.response() +
                          b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-Token: poison\r\n\r\npoison")
    return True


async def silent(connection):
    await connection.read_body()
    await connection.reader.read()
    return False


async def slow(connection):
    await connection.read_body()
    body = connection.response()
    size = len(body) // 8 + 1
    for begin in range(0, len(body), size):
        await connection.send(body[begin:begin + size])
        await asyncio.sleep(0.1)
    return True


async def interim(connection):
    """Many interim responses, at times without end."""
    await connection.read_body()
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </style>; rel=preload\r\n\r\n"
    if connection.chance.random() < 0.7:
        await connection.send(hint * 5 + connection.response())
        return True
    for _ in range(2000):
        await connection.send(hint * 10)
    return False


async def early_answer(connection):
    """Refuses a request without reading its body."""
    if connection.asked.method in ("GET", "HEAD"):
        return await good(connection)
    await connection.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n"
                          b"Connection: close\r\n\r\n")
    return False


class H1Origin:
    """Listeners that behave in one way."""

    def __init__(self, behaviour, ledger, chance):
        self.behaviour, self.ledger, self.chance = behaviour, ledger, chance
        self._open = set()
        self._servers = []

    async def listen(self, tls, port=0, addresses=("127.0.0.1",)):
        """The port, the same at all addresses."""
        for address in addresses:
            self._servers.append(await asyncio.start_server(
                self._serve, address, port, ssl=tls, limit=HEAD_LIMIT, reuse_address=True,
                backlog=500))
            port = self._servers[-1].sockets[0].getsockname()[1]
        return port

    def leave(self):
        """Stops listening and cuts all sessions."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        for connection in list(self._open):
            connection.writer.transport.abort()

    async def _serve(self, reader, writer):
        connection = Connection(self, reader, writer)
        connection.leaving = None
        self._open.add(connection)
        try:
            while True:
                await connection.next_head()
                if connection.leaving:
                    connection.leaving.cancel()
                if not await self.behaviour(connection):
                    break
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError, RuntimeError):
            pass  # the daemon has gone, or we have cut it
        finally:
            self._open.discard(connection)
            writer.close()
            # A close waits for the peer's, over TLS.
            asyncio.get_running_loop().call_later(1, writer.transport.abort)
