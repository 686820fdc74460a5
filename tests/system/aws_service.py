"""A service behind TLS that lets in only what botocore finds rightly signed for the Host it came
with. Run by the Python that botocore is installed for: aws_service.py CERTIFICATE KEY

Says its port, then what is refused, a line each.
"""

import hashlib
import hmac
import http.server
import json
import ssl
import sys
import urllib.parse

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

# By what the test calls them.
SECRETS = {"AKIDEXAMPLE": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
           "AKIAIOSFODNN7EXAMPLE": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
           "ASIAEXAMPLE": "a secret of the machine"}

LIST = ('<?xml version="1.0"?><ListBucketResult><Name>bucket</Name><KeyCount>1</KeyCount>'
        "<IsTruncated>false</IsTruncated><Contents><Key>a key</Key><Size>3</Size></Contents>"
        "</ListBucketResult>")
IDENTITY = ("<GetCallerIdentityResponse><GetCallerIdentityResult><Account>1234</Account>"
            "</GetCallerIdentityResult></GetCallerIdentityResponse>")
QUEUES = ("<ListQueuesResponse><ListQueuesResult><QueueUrl>q</QueueUrl></ListQueuesResult>"
          "</ListQueuesResponse>")
OBJECTS = {}


class Refused(Exception):
    """The request is not signed as it should be."""


class Signature:
    """What a request says of its signature, and what botocore makes of the request."""

    def __init__(self, request, body):
        target = urllib.parse.urlsplit(request.path)
        query = dict(urllib.parse.parse_qsl(target.query))
        field = request.headers.get("Authorization", "")
        self.is_presigned = not field
        if field:
            parts = dict(part.strip().split("=", 1) for part in field.split(" ", 1)[1].split(","))
            scope, names, self.given = (parts[name] for name in
                                        ("Credential", "SignedHeaders", "Signature"))
            self.time, left = request.headers["x-amz-date"], target.query
        else:
            scope, names, self.given = (query["X-Amz-" + name] for name in
                                        ("Credential", "SignedHeaders", "Signature"))
            self.time = query["X-Amz-Date"]
            left = "&".join(part for part in target.query.split("&")
                            if not part.startswith("X-Amz-Signature="))
        key, self.date, self.region, self.service, _ = scope.split("/")
        self.secret = SECRETS[key]
        kind = S3SigV4QueryAuth if self.is_presigned else \
            S3SigV4Auth if self.service == "s3" else SigV4Auth
        auth = kind(Credentials(key, self.secret), self.service, self.region)
        host = request.headers["Host"]
        if "ccnproxy" in host:
            raise Refused("the Host is " + host)
        unsigned = [name for name in request.headers if name.lower().startswith("x-amz-")
                    and name.lower() not in names.split(";")]
        if unsigned:
            raise Refused(f"{unsigned} are not signed")
        signed = AWSRequest(
            request.command, f"https://{host}{target.path}" + (left and "?" + left),
            {name: request.headers[name] for name in names.split(";") if name != "host"}, body)
        signed.headers["host"] = host
        signed.context["timestamp"] = self.time
        self.right = auth.signature(
            auth.string_to_sign(signed, auth.canonical_request(signed)), signed)

    def check(self):
        if self.given != self.right:
            raise Refused("the signature is wrong")

    def unchunked(self, body):
        """The data of an aws-chunked body whose chunks are signed, by the documents of S3."""
        key = ("AWS4" + self.secret).encode()
        for part in (self.date, self.region, self.service, "aws4_request"):
            key = hmac.new(key, part.encode(), "sha256").digest()
        previous, data, size = self.given, b"", None
        while size != 0:
            head, _, body = body.partition(b"\r\n")
            size = int(head.split(b";")[0], 16)
            chunk, body = body[:size], body[size + 2:]
            text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", self.time,
                              f"{self.date}/{self.region}/{self.service}/aws4_request", previous,
                              hashlib.sha256(b"").hexdigest(), hashlib.sha256(chunk).hexdigest()])
            previous = hmac.new(key, text.encode(), "sha256").hexdigest()
            if head.split(b"=")[1].decode() != previous:
                raise Refused("the signature of a chunk is wrong")
            data += chunk
        return data


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            if len(body) < length:
                raise ConnectionError("the request was broken off")
            return body
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def do_any(self):
        try:
            body = self.body()
            signature = Signature(self, body)
            signature.check()
            if self.headers.get("x-amz-content-sha256") == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD":
                body = signature.unchunked(body)
        except ConnectionError:
            self.close_connection = True
            return
        except Refused as refused:
            print("refused:", refused, self.command, self.path, dict(self.headers), flush=True)
            self.reply(403, f"<Error><Code>RefusedByTheOrigin</Code><Message>{refused}</Message>"
                            "</Error>")
            return
        if signature.service == "dynamodb":
            self.reply(200, json.dumps({"TableNames": [json.loads(body)["ExclusiveStartTableName"]]}),
                       "application/x-amz-json-1.0")
        elif signature.service in ("sts", "sqs"):
            self.reply(200, {"sts": IDENTITY, "sqs": QUEUES}[signature.service])
        elif self.command == "PUT":
            OBJECTS[self.path_of_object()] = body
            self.reply(200, "")
        elif "list-type" in self.path:
            self.reply(200, LIST)
        else:
            self.reply(200, OBJECTS[self.path_of_object()], "application/octet-stream")

    def path_of_object(self):
        """The same for a bucket in the Host and one in the path."""
        path = self.path.partition("?")[0]
        return path if path.startswith("/bucket/") else "/bucket" + path

    do_GET = do_PUT = do_POST = do_HEAD = do_any

    def reply(self, status, body, content_type="application/xml"):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def log_message(self, *_):
        pass


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
