"""What origins answer to a token, and clients expect: the same text, made at both ends.

A target ends in /echo/TOKEN, or in /download/TOKEN/BYTES. A second token is in the field X-Token,
and the body of a request is the pattern of a third.
"""

import hashlib


def pattern(token, size):
    """A body that is the token's own at every place."""
    unit = (token + "|").encode()
    return (unit * (size // len(unit) + 1))[:size]


def echo(path_token, field_token, body):
    """The answer to a request that was received whole."""
    return (f"path={path_token}\nfield={field_token}\nbytes={len(body)}\n"
            f"body={hashlib.sha256(body).hexdigest()}\n").encode()


class Asked:
    """A request as an origin got it, whatever protocol brought it."""

    def __init__(self, method, target, fields):
        self.method, self.fields, self.body = method, fields, b""
        parts = target.split("?")[0].split("/")
        self.download = int(parts[-1]) if len(parts) > 2 and parts[-3] == "download" else None
        self.token = parts[-2] if self.download is not None else parts[-1]

    def answer(self):
        if self.download is not None:
            return pattern(self.token, self.download)
        return echo(self.token, self.fields.get("x-token", ""), self.body)
