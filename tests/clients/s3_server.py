"""S3, and of SQS, DynamoDB and STS what it takes to be asked, over TLS and HTTP/1.1 under their
real names. Every request is verified as AWS would, or more strictly; it is refused as AWS would.

    server = S3Server(listening_socket, certificate, key)
    server.credentials["AKIDEXAMPLE"] = Credential("AKIDEXAMPLE", "...")
    server.records  # what came, and what was wrong with it
"""

import dataclasses
import hashlib
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse
import uuid
from email.utils import formatdate
from xml.sax.saxutils import escape

import aws_chunked
import s3_store
import sigv4
from s3_store import Answer, Call
from sigv4 import Refused

try:  # An independent opinion on what was signed.
    from botocore import auth, awsrequest
except ImportError:
    auth = None

MAX_HEAD = 64 << 10
MAX_BODY = 256 << 20
NAMES = ["amazonaws.com"]
CERTIFICATE_NAMES = ["*.amazonaws.com", "*.us-east-1.amazonaws.com", "*.s3.amazonaws.com",
                     "*.s3.us-east-1.amazonaws.com", "s3.dualstack.us-east-1.amazonaws.com",
                     "*.s3.dualstack.us-east-1.amazonaws.com"]
S3_HOST = re.compile(r"(?:(?P<bucket>[a-z0-9.-]+)\.)?s3(?:\.dualstack)?"
                     r"(?:\.(?P<region>[a-z]{2}-[a-z]+-\d))?\.amazonaws\.com")
OTHER_HOST = re.compile(r"(?P<service>sqs|dynamodb|sts)(?:\.(?P<region>[a-z]{2}-[a-z]+-\d))?"
                        r"\.amazonaws\.com")
STATUS = {"NoSuchBucket": 404, "NoSuchKey": 404, "NoSuchUpload": 404, "InvalidRange": 416,
          "NotImplemented": 501, "MethodNotAllowed": 405, "BucketNotEmpty": 409,
          "SignatureDoesNotMatch": 403, "AccessDenied": 403, "InvalidAccessKeyId": 403,
          "RequestTimeTooSkewed": 403, "InvalidSignatureException": 403}
# What the clients' own acts lead to. Any other refusal tells that a request did not arrive as it was
# signed, or betrays the proxy.
CODES_OF_STORE = {"NoSuchBucket", "NoSuchKey", "NoSuchUpload", "InvalidRange", "BucketNotEmpty"}


@dataclasses.dataclass
class Record:
    """A request, and what became of it."""
    method: str
    host: str
    target: bytes
    fields: list
    service: str = ""
    bucket: str = ""
    key: str = ""
    how: str = ""  # it was signed, see sigv4.Verified
    payload: str = ""
    signed: tuple = ()
    chunks: int = 0
    trailer: dict = dataclasses.field(default_factory=dict)
    body_bytes: int = 0
    framing: str = ""
    expected_continue: bool = False
    agreed: bool = None  # botocore's own canonical request is the same; None: it cannot tell
    refused: str = ""
    status: int = 0
    connection: int = 0

    def value(self, name):
        found = [value.decode("latin-1") for field, value in self.fields
                 if field.lower() == name.lower().encode()]
        return found[0] if found else None


class Ended(Exception):
    """The connection did."""


class Connection:
    """One of a client's, with its requests one after the other."""

    def __init__(self, server, stream, number):
        self._server, self._stream, self._number = server, stream, number
        self._buffer = bytearray()

    def serve(self):
        while self._serve_one():
            pass

    def _receive(self):
        piece = self._stream.recv(256 << 10)
        if not piece:
            raise Ended
        self._buffer += piece

    def _take(self, count):
        while len(self._buffer) < count:
            self._receive()
        taken = bytes(memoryview(self._buffer)[:count])
        del self._buffer[:count]
        return taken

    def _take_line(self):
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD:
                raise Refused("InvalidRequest", "a line without end")
            self._receive()
        return self._take(end + 2)[:-2]

    def _head(self):
        """The record of the next request, and its version."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD:
                raise Ended
            self._receive()
        lines = self._take(end + 4)[:-4].split(b"\r\n")
        method, target, version = lines[0].split(b" ")
        if version != b"HTTP/1.1" or not target.startswith(b"/"):
            raise Refused("InvalidRequest", repr(lines[0]))
        fields = []
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            if not re.fullmatch(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
                raise Refused("InvalidRequest", repr(line))
            fields.append((name, value.strip(b" \t")))
        return sigv4.Request(method.decode(), target, fields)

    def _body(self, request, record):
        codings, length = request.value("transfer-encoding"), request.value("content-length")
        if codings is not None:
            record.framing = "chunked"
            if codings.lower() != "chunked" or length is not None:
                raise Refused("InvalidRequest", f"{codings}, {length}")
            if not record.payload.startswith("STREAMING-"):
                raise Refused("NotImplemented", "A header you provided implies functionality that "
                              "is not implemented: Transfer-Encoding")
            return self._chunked()
        if length is None:
            return b""
        record.framing = "length"
        if not length.isdigit() or int(length) > MAX_BODY:
            raise Refused("InvalidRequest", f"Content-Length: {length}")
        return self._take(int(length))

    def _chunked(self):
        pieces = []
        while True:
            line = self._take_line()
            if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", line):
                raise Refused("InvalidRequest", f"chunk {line!r}")
            size = int(line, 16)
            if size == 0:
                break
            pieces.append(self._take(size))
            if self._take_line():
                raise Refused("InvalidRequest", "a chunk that does not end")
        if self._take_line():
            raise Refused("InvalidRequest", "a trailer section")
        return b"".join(pieces)

    def _serve_one(self):
        request = self._head()
        record = Record(request.method, "", request.target, request.fields,
                        connection=self._number)
        self._server.records.append(record)
        body_is_left = True
        try:
            visit = Visit(self._server, request, record)
            if (request.value("expect") or "").lower() == "100-continue":
                record.expected_continue = True
                self._stream.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = self._body(request, record)
            body_is_left = False
            answer = visit.answer(body)
        except Refused as refused:
            record.refused = "" if refused.code in CODES_OF_STORE else str(refused)
            answer = error_answer(record.service, refused, request.value("content-type"))
        record.status = answer.status
        self._send(answer, record, body_is_left)
        return not body_is_left

    def _send(self, answer, record, is_last):
        fields = {"x-amz-request-id": uuid.uuid4().hex[:16].upper(), "Server": "AmazonS3",
                  "Date": formatdate(usegmt=True), **answer.fields}
        if answer.status != 204:
            fields["Content-Length"] = len(answer.body)
        if is_last:
            fields["Connection"] = "close"
        head = f"HTTP/1.1 {answer.status} Status\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
        # Metadata came as UTF-8 and goes as it came.
        body = b"" if record.method == "HEAD" else answer.body
        self._stream.sendall(head.encode("utf-8", "surrogateescape") + body)


class Visit:
    """A request on its way through the checks: those of its head when it is made."""

    def __init__(self, server, request, record):
        self._server, self._request, self._record = server, request, record
        self._find_service()
        self._check_traces()
        self._is_verified = None
        if record.service == "s3":
            self._verify(None)

    def _find_service(self):
        hosts = self._request.values(b"host")
        self._record.host = host = b", ".join(hosts).decode("latin-1")
        if len(hosts) != 1:
            raise Refused("InvalidRequest", f"Host: {host}")
        s3, other = S3_HOST.fullmatch(host), OTHER_HOST.fullmatch(host)
        if not s3 and not other:
            raise Refused("InvalidRequest", f"Host: {host}")
        self._region = (s3 or other)["region"] or "us-east-1"
        self._record.service = "s3" if s3 else other["service"]
        if s3:
            path = sigv4.unquote(self._request.path).decode("utf-8")
            self._virtual_bucket = s3["bucket"]
            if s3["bucket"]:
                self._record.bucket, self._record.key = s3["bucket"], path[1:]
            else:
                self._record.bucket, _, self._record.key = path[1:].partition("/")

    def _check_traces(self):
        for name, value in self._request.fields:
            if b"ccnproxy" in name.lower() + value.lower() and name.lower() != b"via":
                raise Refused("InvalidRequest", f"a trace of the proxy in {name.decode()}")
        if b"ccnproxy" in self._request.target.lower():
            raise Refused("InvalidRequest", "a trace of the proxy in the target")

    def _verify(self, body_hash):
        request, record, server = self._request, self._record, self._server
        now = server.clock()
        authorization = request.value("authorization") or ""
        names = {name for name, _ in request.query()}
        if authorization.startswith("AWS ") or b"AWSAccessKeyId" in names:
            verified = sigv4.verify_v2(request, self._virtual_bucket, server.credentials, now)
        elif authorization or b"X-Amz-Algorithm" in names:
            verified = sigv4.verify_v4(request, record.service, self._region, server.credentials,
                                       now, body_hash)
            record.agreed = botocore_agrees(request, record, verified)
        else:
            raise Refused("AccessDenied", "the request is not signed")
        record.how, record.payload, record.signed = verified.how, verified.payload, verified.signed
        self._is_verified = verified

    def answer(self, body):
        if self._record.service != "s3":
            self._verify(hashlib.sha256(body).hexdigest())
            self._record.body_bytes = len(body)
            return answer_other(self._record, self._request, body)
        data, trailer = self._data(body)
        self._record.body_bytes, self._record.trailer = len(data), trailer
        fields = {name.decode().lower(): value.decode("utf-8", "surrogateescape")
                  for name, value in self._request.fields}
        fields.update(trailer)
        s3_store.check_md5(fields, data)
        # Those of an upload's completion are of what was uploaded before.
        if "uploadId" not in (query := dict(self._query())) or self._record.method == "PUT":
            self._check_checksums(fields, data)
        return self._server.store.call(Call(self._record.method, self._record.bucket,
                                            self._record.key, query, fields, data))

    def _query(self):
        return [(name.decode(), value.decode()) for name, value in self._request.query()
                if not name.startswith(b"X-Amz-")
                and name not in (b"AWSAccessKeyId", b"Signature", b"Expires",
                                 b"x-amz-security-token")]

    def _data(self, body):
        """The data of the body, and the fields of its trailer."""
        payload = self._record.payload
        length = self._request.value("x-amz-decoded-content-length")
        if payload.startswith("STREAMING-"):
            decoded = aws_chunked.decode(body, self._is_verified)
            self._record.chunks = decoded.chunks
            if length is None or int(length) != len(decoded.data):
                raise Refused("IncompleteBody", f"x-amz-decoded-content-length: {length}")
            announced = self._request.value("x-amz-trailer")
            if sorted(decoded.trailer) != sorted((announced or "").replace(",", " ").split()):
                raise Refused("MalformedTrailerError", f"{decoded.trailer}, {announced}")
            return decoded.data, decoded.trailer
        if "aws-chunked" in (self._request.value("content-encoding") or ""):
            raise Refused("InvalidRequest", "aws-chunked, and no signature says of which kind")
        if len(payload) == 64 and hashlib.sha256(body).hexdigest() != payload:
            raise Refused("XAmzContentSHA256Mismatch", payload)
        return body, {}

    @staticmethod
    def _check_checksums(fields, data):
        for name, value in fields.items():
            if name in aws_chunked.CHECKSUMS and aws_chunked.checksum(name, data) != value:
                raise Refused("BadDigest", name)


def botocore_agrees(request, record, verified):
    """Whether botocore makes the same canonical request of this one. It takes paths and queries as
    they stand, so that it can tell only where they are canonical already."""
    path, _, query = request.target.partition(b"?")
    pairs = [pair for pair in request.query() if pair[0] != b"X-Amz-Signature"]
    given = sorted(pair if b"=" in pair else pair + b"=" for pair in query.split(b"&") if pair)
    is_canonical = (sigv4.canonical_path(path, "s3") == path
                    and b"&".join(given) == sigv4.canonical_query(request.query()))
    if auth is None or not is_canonical:
        return None
    signer = auth.S3SigV4Auth if record.service == "s3" else auth.SigV4Auth
    url = f"https://{record.host}{path.decode()}?{sigv4.canonical_query(pairs).decode()}"
    rebuilt = awsrequest.AWSRequest(request.method, url)
    for name, value in request.fields:
        if name.decode().lower() in verified.signed:
            rebuilt.headers.add_header(name.decode(), value.decode("utf-8", "surrogateescape"))
    is_signed = "x-amz-content-sha256" in verified.signed
    if not is_signed:  # it is added for the last line alone
        rebuilt.headers["X-Amz-Content-SHA256"] = verified.payload
    own = signer(None, record.service, verified.region)
    text = own.canonical_request(rebuilt).encode("utf-8", "surrogateescape")
    if not is_signed:
        text = re.sub(rb"(?m)^x-amz-content-sha256:.*\n", b"", text)
        text = re.sub(rb";x-amz-content-sha256|x-amz-content-sha256;", b"", text)
    return text == verified.canonical


def error_answer(service, refused, content_type):
    status = STATUS.get(refused.code, 400)
    if service == "dynamodb" or "json" in (content_type or ""):
        body = json.dumps({"__type": refused.code, "message": refused.message})
        return Answer(status, {"Content-Type": "application/x-amz-json-1.0",
                               "x-amzn-ErrorType": refused.code}, body.encode())
    error = (f"<Code>{escape(refused.code)}</Code><Message>{escape(refused.message)}</Message>")
    if service in ("sqs", "sts"):
        body = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>"
    else:
        body = f"<Error>{error}<RequestId>1</RequestId></Error>"
    return Answer(status, {"Content-Type": "application/xml"}, body.encode())


def answer_other(record, request, body):
    """What SQS, DynamoDB and STS say. They know each one operation."""
    operation = request.value("x-amz-target")
    if operation is not None:
        return _answer_json(operation, json.loads(body))
    form = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
    md5 = hashlib.md5(form.get("MessageBody", "").encode()).hexdigest()
    results = {
        ("sts", "GetCallerIdentity"): (
            "<Arn>arn:aws:iam::123456789012:user/test</Arn><UserId>AIDAEXAMPLE</UserId>"
            "<Account>123456789012</Account>"),
        ("sqs", "SendMessage"): (
            f"<MessageId>1</MessageId><MD5OfMessageBody>{md5}</MD5OfMessageBody>"),
    }
    action = form.get("Action", "")
    if (record.service, action) not in results:
        raise Refused("InvalidAction", f"{record.service} {action}")
    namespace = {"sts": "https://sts.amazonaws.com/doc/2011-06-15/",
                 "sqs": "http://queue.amazonaws.com/doc/2012-11-05/"}[record.service]
    text = (f'<{action}Response xmlns="{namespace}"><{action}Result>'
            f"{results[record.service, action]}</{action}Result>"
            f"<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>")
    return Answer(200, {"Content-Type": "text/xml"}, text.encode())


def _answer_json(operation, asked):
    tables = {"DynamoDB_20120810.PutItem": {},
              "DynamoDB_20120810.GetItem": {"Item": asked.get("Key", {})},
              "AmazonSQS.SendMessage": {"MessageId": "1", "MD5OfMessageBody": hashlib.md5(
                  asked.get("MessageBody", "").encode()).hexdigest()}}
    if operation not in tables:
        raise Refused("UnknownOperationException", operation)
    body = json.dumps(tables[operation]).encode()
    checksum = int.from_bytes(aws_chunked.CHECKSUMS["x-amz-checksum-crc32"](body), "big")
    return Answer(200, {"Content-Type": "application/x-amz-json-1.0", "x-amz-crc32": checksum},
                  body)


class S3Server:
    """Serves `listening` until it is closed, each connection by a thread."""

    def __init__(self, listening, certificate, key):
        self.credentials = {}
        self.store = s3_store.Store()
        self.records = []
        self.clock = time.time
        self.errors = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._context.set_alpn_protocols(["http/1.1"])
        self._listening = listening
        self._count = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._count += 1
            threading.Thread(target=self._serve, args=(connection, self._count),
                             daemon=True).start()

    def _serve(self, connection, number):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with self._context.wrap_socket(connection, server_side=True) as stream:
                Connection(self, stream, number).serve()
        except (Ended, OSError):
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.errors.append(error)  # a test is to fail by it
            raise

    def refused(self):
        """What was wrong with the requests so far."""
        return [f"{record.method} {record.host} {record.target.decode('latin-1')}: "
                f"{record.refused}" for record in self.records if record.refused]

    def close(self):
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
