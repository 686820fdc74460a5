"""Asks through requests: python_requests.py BASE PROXY FILE, the proxy by http_proxy as well."""

import concurrent.futures
import hashlib
import json
import sys

import requests

base, _, file = sys.argv[1:]


def tell(act, response):
    body = response.content
    print(json.dumps({
        "act": act, "status": response.status_code, "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "body": body.decode() if len(body) < 10000 else None,
        "length": int(response.headers.get("Content-Length", -1))}))


def pieces():
    with open(file, "rb") as content:
        while piece := content.read(65536):
            yield piece


with requests.Session() as session:
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=8, max_retries=0))

    def respond(method, target, **more):
        return session.request(method, base + target, timeout=30, **more)

    def ask(act, method, target, **more):
        tell(act, respond(method, target, **more))

    for _ in range(5):
        ask("get", "GET", "/get?a=%2F&b=")
    ask("head", "HEAD", "/large", headers={"Accept-Encoding": "identity"})
    ask("post", "POST", "/post", data="name=value&other=%20",
        headers={"Content-Type": "application/x-www-form-urlencoded"})
    with open(file, "rb") as content:
        ask("upload", "PUT", "/upload", data=content)
    ask("streamed", "PUT", "/streamed", data=pieces())
    ask("download", "GET", "/large")
    ask("range", "GET", "/large", headers={"Range": "bytes=100-199",
                                           "Accept-Encoding": "identity"})
    ask("moved", "GET", "/moved")
    for act in ("parallel-1", "parallel-2"):
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            for response in threads.map(lambda n: respond("GET", f"/{act}?n={n}"), range(8)):
                tell(act, response)
