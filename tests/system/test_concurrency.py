"""Many exchanges at once: each answer belongs to its own request."""

import asyncio
import random

from harness import SystemTest
from origins import Nginx

CONNECTIONS = 200
REQUESTS_EACH = 10


class Concurrency(SystemTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nginx = Nginx(cls.world)
        cls.addClassCleanup(cls.nginx.close)

    def test_none_of_2000_exchanges_over_http2_crosses(self):
        self._exchange_tokens("h2.test", pipelined=False)

    def test_none_of_2000_exchanges_over_http1_crosses(self):
        self._exchange_tokens("h1.test", pipelined=False)

    def test_none_of_2000_pipelined_exchanges_crosses(self):
        self._exchange_tokens("h2.test", pipelined=True)

    def _exchange_tokens(self, name, pipelined):
        self.nginx.forget()
        nikawa = self.start()
        host = self.nginx.url(name, "/").split("/")[2]
        asyncio.run(asyncio.wait_for(self._clients(nikawa.port, host, pipelined), 120))
        self.assertEqual(len(self.nginx.log(CONNECTIONS * REQUESTS_EACH)),
                         CONNECTIONS * REQUESTS_EACH)
        records = nikawa.access_log(CONNECTIONS * REQUESTS_EACH)
        self.assertEqual({record["status"] for record in records}, {200})
        self.assertEqual(len({record["chocon_req"] for record in records}), len(records))

    async def _clients(self, port, host, pipelined):
        await asyncio.gather(*(self._client(port, host, number, pipelined)
                               for number in range(CONNECTIONS)))

    async def _client(self, port, host, number, pipelined):
        choose = random.Random(number)  # sizes from a line to what nginx takes of a head
        tokens = [f"{number}-{turn}-" + "x" * choose.randrange(0, 3000)
                  for turn in range(REQUESTS_EACH)]
        requests = [f"GET /echo?token={token} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
                    for token in tokens]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        if pipelined:
            writer.write(b"".join(requests))
        for request, token in zip(requests, tokens):
            if not pipelined:
                writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"HTTP/1.1 200 "), head)
            (length,) = [int(line.split(b":")[1]) for line in head.split(b"\r\n")
                         if line.lower().startswith(b"content-length:")]
            self.assertEqual(await reader.readexactly(length), token.encode())
        writer.close()
        await writer.wait_closed()
