"""A WebSocket service behind TLS, which gives back what it is sent in capitals:
websocket_server.py ADDRESS PORT CERTIFICATE KEY"""

import asyncio
import ssl
import sys

import websockets


async def answer(socket):
    async for message in socket:
        await socket.send(message.upper())


async def main():
    address, port, certificate, key = sys.argv[1:]
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    async with websockets.serve(answer, address, int(port), ssl=tls):
        await asyncio.Future()

asyncio.run(main())
