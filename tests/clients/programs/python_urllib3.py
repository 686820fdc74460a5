"""Asks through urllib3: python_urllib3.py BASE PROXY FILE."""

import concurrent.futures
import hashlib
import json
import os
import sys

import urllib3

base, proxy, file = sys.argv[1:]
settings = dict(maxsize=8, block=True, timeout=30, retries=urllib3.Retry(3, redirect=2),
                ca_certs=os.environ["SSL_CERT_FILE"])
pool = urllib3.ProxyManager(proxy, **settings) if proxy else urllib3.PoolManager(**settings)


def tell(act, response):
    print(json.dumps({
        "act": act, "status": response.status, "bytes": len(response.data),
        "sha256": hashlib.sha256(response.data).hexdigest(),
        "body": response.data.decode() if len(response.data) < 10000 else None,
        "length": int(response.headers.get("Content-Length", -1))}))


def respond(method, target, **more):
    return pool.request(method, base + target, **more)


def ask(act, method, target, **more):
    tell(act, respond(method, target, **more))


def pieces():
    with open(file, "rb") as content:
        while piece := content.read(65536):
            yield piece


for _ in range(5):
    ask("get", "GET", "/get?a=%2F&b=")
ask("head", "HEAD", "/large")
ask("post", "POST", "/post", body="name=value&other=%20",
    headers={"Content-Type": "application/x-www-form-urlencoded"})
with open(file, "rb") as content:
    ask("upload", "PUT", "/upload", body=content.read())
ask("streamed", "PUT", "/streamed", body=pieces(), chunked=True)
ask("download", "GET", "/large")
ask("range", "GET", "/large", headers={"Range": "bytes=100-199"})
ask("moved", "GET", "/moved")
for act in ("parallel-1", "parallel-2"):
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        for response in threads.map(lambda n: respond("GET", f"/{act}?n={n}"), range(8)):
            tell(act, response)
