"""Talks to websocket_server.py: websocket_client.py URL"""

import asyncio
import sys

import websockets


async def main():
    async with websockets.connect(sys.argv[1]) as socket:
        for message in ("hello", "again", b"a" * 500_000, "x"):
            await socket.send(message)
            answer = await socket.recv()
            assert answer == message.upper(), answer[:100]
        pong = await socket.ping()
        await asyncio.wait_for(pong, 20)

asyncio.run(main())
