"""What the proxies are loaded with: wrk's requests over HTTP/1.1, h2load's over HTTP/2."""

import dataclasses
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
from typing import Callable

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/clients"))

import sigv4  # noqa: E402
from proxies import ORIGIN_NAME  # noqa: E402

UPLOAD_BYTES = 10_000_000
FILES = {"100k": 100_000, "10m": 10_000_000}


def per_request_us(cpu, done):
    return cpu / done["requests"] * 1e6


def per_gb(cpu, done):
    return cpu / done["bytes"] * 1e9


def per_uploaded_gb(cpu, done):
    return cpu / (done["requests"] * UPLOAD_BYTES) * 1e9


def signed_fields(proxy, path):
    """Those of a GET that is signed, for now, as the SDKs sign what they ask of S3."""
    credential, region, service = proxy.credential, "us-east-1", "s3"
    timestamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    fields = {"x-amz-content-sha256": sigv4.EMPTY_HASH, "x-amz-date": timestamp}
    covered = {"host": proxy.host(ORIGIN_NAME), **fields}
    request = sigv4.Request("GET", path.encode(),
                            [(name.encode(), value.encode()) for name, value in covered.items()])
    canonical = sigv4.canonical_request(request, service, list(covered), sigv4.EMPTY_HASH)
    scope = f"{timestamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", timestamp, scope, hashlib.sha256(canonical).hexdigest()])
    key = sigv4.signing_key(credential.secret, timestamp[:8], region, service)
    fields["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credential.access_key}/{scope}, "
        f"SignedHeaders={';'.join(covered)}, "
        f"Signature={sigv4.mac(key, text.encode()).hex()}")
    return fields


@dataclasses.dataclass(frozen=True)
class Load:
    """One kind of requests, and what is made of the CPU time that they took."""

    title: str
    path: str
    connections: int
    figure: Callable = per_request_us
    fields: tuple = ()
    upload_bytes: int = 0
    streams: int = 0  # at once on a connection, over HTTP/2; 0: over HTTP/1.1
    is_signed: bool = False

    def suits(self, proxy):
        return not self.is_signed or proxy.credential is not None

    def run(self, proxy, seconds, pin):
        """Loads the proxy: requests, bytes and errors."""
        return (self._h2load if self.streams else self._wrk)(proxy, seconds, pin)

    def _wrk(self, proxy, seconds, pin):
        fields = {"Host": proxy.host(ORIGIN_NAME), **dict(self.fields),  # wrk knows it by this case
                  **(signed_fields(proxy, self.path) if self.is_signed else {})}
        options = [part for name, value in fields.items() for part in ("-H", f"{name}: {value}")]
        out = run([*pin, "wrk", "-t1", f"-c{self.connections}", f"-d{seconds}s", "--timeout", "30s",
                   "-s", ROOT / "bench/report.lua", *options,
                   f"http://127.0.0.1:{proxy.port}{self.path}"],
                  {"UPLOAD": str(self.upload_bytes)} if self.upload_bytes else {})
        return json.loads(out.splitlines()[-1])

    def _h2load(self, proxy, seconds, pin):
        out = run([*pin, "h2load", "-t1", f"-c{self.connections}", f"-m{self.streams}",
                   f"-D{seconds}", f"--connect-to=127.0.0.1:{proxy.h2c_port}",
                   f"http://{proxy.host(ORIGIN_NAME)}{self.path}"], {})
        counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", out)
        succeeded, *failed = map(int, counts.groups())
        return {"requests": succeeded, "errors": sum(failed)}


def run(command, environment):
    done = subprocess.run(command, capture_output=True, text=True,
                          env={**os.environ, **environment})
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


LOADS = {
    "small": Load("22 B, keep-alive, us CPU/request", "/22", 32),
    "new": Load("22 B, new client connection, us CPU/request", "/22", 32,
                fields=(("Connection", "close"),)),
    "h2c": Load("22 B, 4 HTTP/2 clients of 8 streams, us CPU/request", "/22", 4, streams=8),
    "signed": Load("22 B, keep-alive, signed anew, us CPU/request", "/22", 32, is_signed=True),
    "100k": Load("100 KB, keep-alive, us CPU/request", "/100k", 32),
    "download": Load("10 MB down, CPU s/GB", "/10m", 4, per_gb),
    "upload": Load("10 MB up, CPU s/GB", "/sink", 4, per_uploaded_gb, upload_bytes=UPLOAD_BYTES),
}
