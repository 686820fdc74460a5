#!/usr/bin/env python3
"""All origins of a soak but nginx, in a process of their own.

    origin_process.py SEED LEDGER PEM KEY SELF_SIGNED_PEM SELF_SIGNED_KEY

Prints the ports by name as one line of JSON, and serves until it is killed. What each received is
in the file LEDGER: a line "begun METHOD TOKEN" when the head of a request that it acts on is there,
"whole METHOD TOKEN" with the end of the body.
"""

import asyncio
import json
import logging
import random
import ssl
import sys

import h1_origin
import h2_origin

H1 = {
    "good-h1": h1_origin.good, "idle-closer": h1_origin.idle_closer,
    "after-request": h1_origin.after_request, "truncated": h1_origin.truncated,
    "garbage": h1_origin.garbage, "extra-bytes": h1_origin.extra_bytes,
    "silent": h1_origin.silent, "slow": h1_origin.slow, "interim": h1_origin.interim,
    "early-answer": h1_origin.early_answer,
}
H2 = {
    "good-h2": h2_origin.Session, "goaway": h2_origin.Leaving, "refusing": h2_origin.Refusing,
    "resetting": h2_origin.Resetting, "short-h2": h2_origin.Short, "broken-h2": h2_origin.Broken,
    "silent-h2": h2_origin.Silent, "flooding": h2_origin.Flooding,
    "dribbling": h2_origin.Dribbling, "early-h2": h2_origin.Early,
}


class Ledger:
    def __init__(self, path):
        self._file = open(path, "w", buffering=1)

    def begun(self, asked):
        self._file.write(f"begun {asked.method} {asked.token}\n")

    def whole(self, asked):
        self._file.write(f"whole {asked.method} {asked.token}\n")


def tls(pem, key, *protocols):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    context.set_alpn_protocols(list(protocols))
    return context


async def fail_handshake(reader, writer, chance):
    """Not TLS at all."""
    way = chance.randrange(3)
    if way == 0:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    elif way == 1:
        await asyncio.sleep(6)
    elif chance.random() < 0.5:
        writer.transport.abort()
    writer.close()


async def come_and_go(origin, context, port):
    """A restart now and then: half a second without a listener."""
    while True:
        await asyncio.sleep(3)
        origin.leave()
        await asyncio.sleep(0.5)
        await origin.listen(context, port)


async def main(seed, ledger_path, pem, key, self_pem, self_key):
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # it warns of peers that have gone
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    chance, ledger = random.Random(int(seed)), Ledger(ledger_path)
    only_h1, both = tls(pem, key, "http/1.1"), tls(pem, key, "h2", "http/1.1")

    def origin(behaviour):
        return h1_origin.H1Origin(behaviour, ledger, chance)

    ports = {name: await origin(behaviour).listen(only_h1) for name, behaviour in H1.items()}
    for name, session in H2.items():
        ports[name] = await h2_origin.H2Origin(session, ledger, chance).listen(both)
    ports["application"] = await origin(h1_origin.good).listen(None)
    ports["moving"] = await origin(h1_origin.good).listen(
        only_h1, addresses=("127.0.0.1", "127.0.0.2"))
    ports["self-signed"] = await origin(h1_origin.good).listen(tls(self_pem, self_key))
    restarting = origin(h1_origin.good)
    ports["restarting"] = await restarting.listen(only_h1)
    handshake = await asyncio.start_server(
        lambda reader, writer: fail_handshake(reader, writer, chance), "127.0.0.1", 0)
    ports["no-tls"] = handshake.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    await come_and_go(restarting, only_h1, ports["restarting"])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
