"""The origin of the tests of AWS clients: that it finds right what AWS published, and botocore
signs, and nothing else."""

import calendar
import datetime
import hashlib
import unittest

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import aws_chunked
import sigv4
from sigv4 import CHUNKS, CHUNKS_AND_TRAILER, UNSIGNED_AND_TRAILER, Credential, Refused, Request

# Of the documents of S3, and of the signing test suite.
S3_KEY = Credential("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SUITE_KEY = Credential("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
KEYS = {key.access_key: key for key in (S3_KEY, SUITE_KEY)}
S3_TIME = calendar.timegm((2013, 5, 24, 0, 0, 0))
SUITE_TIME = calendar.timegm((2015, 8, 30, 12, 36, 0))


def s3_request(method, target, signature, *fields, payload=sigv4.EMPTY_HASH):
    fields = [("Host", "examplebucket.s3.amazonaws.com"), ("x-amz-content-sha256", payload),
              ("x-amz-date", "20130524T000000Z"), *fields]
    signed = ";".join(sorted(name.lower() for name, _ in fields))
    fields.append(("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/"
                   f"us-east-1/s3/aws4_request,SignedHeaders={signed},Signature={signature}"))
    return Request(method, target.encode(),
                   [(name.encode(), value.encode()) for name, value in fields])


def suite_request(signature, target="/", *fields, service="service"):
    fields = [("Host", "example.amazonaws.com"), ("X-Amz-Date", "20150830T123600Z"), *fields]
    signed = ";".join(sorted({name.lower() for name, _ in fields}))
    fields.append(("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/"
                   f"{service}/aws4_request, SignedHeaders={signed}, Signature={signature}"))
    return Request("GET", target.encode(),
                   [(name.encode(), value.encode()) for name, value in fields])


S3_EXAMPLES = {
    "get": s3_request(
        "GET", "/test.txt", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ("Range", "bytes=0-9")),
    "put": s3_request(
        "PUT", "/test%24file.text",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        payload="44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
    "lifecycle": s3_request(
        "GET", "/?lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
    "list": s3_request(
        "GET", "/?max-keys=2&prefix=J",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
}

SUITE = {
    "get-vanilla": suite_request(
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "get-vanilla-query-order-key-case": suite_request(
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        "/?Param2=value2&Param1=value1"),
    "get-utf8": suite_request(
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85", "/ሴ"),
    "get-slashes": suite_request(
        "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84", "//example//"),
    "get-relative": suite_request(
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31", "/example/.."),
    "get-header-key-duplicate": suite_request(
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea", "/",
        ("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")),
}


def verify(request, service="s3", now=None):
    now = now if now is not None else S3_TIME if service == "s3" else SUITE_TIME
    return sigv4.verify_v4(request, service, "us-east-1", KEYS, now, sigv4.EMPTY_HASH)


class PublishedValues(unittest.TestCase):
    def test_examples_of_s3(self):
        for name, request in S3_EXAMPLES.items():
            with self.subTest(name):
                self.assertEqual(verify(request).how, "v4 header")

    def test_signing_test_suite(self):
        for name, request in SUITE.items():
            with self.subTest(name):
                self.assertEqual(verify(request, "service").how, "v4 header")

    def test_presigned(self):
        request = Request("GET", (
            b"/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F"
            b"20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires="
            b"86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995"
            b"330da4c265957d157751f604d404"), [(b"Host", b"examplebucket.s3.amazonaws.com")])
        self.assertEqual(verify(request, now=S3_TIME + 86400).how, "v4 query")
        with self.assertRaisesRegex(Refused, "has expired"):
            verify(request, now=S3_TIME + 86401)

    def test_chunks(self):
        data = b"a" * 65536, b"a" * 1024, b""
        published = {
            CHUNKS: ("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
                     "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
                     "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
                     "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
            CHUNKS_AND_TRAILER: (
                "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
                "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
                "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
                "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992")}
        trailer = (b"x-amz-checksum-crc32c:sOO8/Q==\n\r\nx-amz-trailer-signature:"
                   b"d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n")
        for payload, (seed, *signatures) in published.items():
            verified = chunked_request(payload, seed)
            body = b"".join(b"%x;chunk-signature=%s\r\n%s\r\n" % (len(piece), said.encode(), piece)
                            for piece, said in zip(data, signatures))
            if payload == CHUNKS_AND_TRAILER:
                body = body[:-2] + trailer
            with self.subTest(payload):
                decoded = aws_chunked.decode(body, verified)
                self.assertEqual((decoded.data, decoded.chunks), (b"a" * 66560, 2))
                for name, value in decoded.trailer.items():
                    self.assertEqual(aws_chunked.checksum(name, decoded.data), value)
                for changed in (body.replace(b"aaaa\r\n", b"aaab\r\n", 1), body[:-2],
                                body.replace(b"sOO8", b"sOO9") if trailer in body else b"",
                                body.replace(b"400;", b"3ff;")):
                    with self.assertRaises(Refused):
                        aws_chunked.decode(changed, verified)


def chunked_request(payload, seed):
    scope = "20130524/us-east-1/s3/aws4_request"
    return sigv4.Verified("v4 header", payload, "us-east-1", seed, timestamp="20130524T000000Z",
                          scope=scope,
                          key=sigv4.signing_key(S3_KEY.secret, "20130524", "us-east-1", "s3"))


class OfBotocore(unittest.TestCase):
    """Requests that botocore signs, now."""

    target = "/a%20b/%C3%BC/~x//y?list-type=2&prefix=a%2Bb%20c&empty="

    def signed(self, signer, method="GET", body=b"", service="s3", region="us-east-1", more=None):
        host = f"{service}.{region}.amazonaws.com"
        request = AWSRequest(method, f"https://{host}{self.target}", data=body,
                             headers={"Host": host, "x-amz-meta-note": "two  words",
                                      **(more or {})})
        signer(Credentials("AKIDEXAMPLE", SUITE_KEY.secret), service, region).add_auth(request)
        prepared = request.prepare()
        return Request(method, prepared.url.partition(".com")[2].encode(), [
            (name.encode(), value if isinstance(value, bytes) else str(value).encode())
            for name, value in prepared.headers.items()])

    def verify(self, request, service="s3", region="us-east-1", body=b"", now=None):
        now = now or datetime.datetime.now(datetime.timezone.utc).timestamp()
        return sigv4.verify_v4(request, service, region, KEYS, now,
                               hashlib.sha256(body).hexdigest())

    def test_right(self):
        self.assertEqual(self.verify(self.signed(S3SigV4Auth)).how, "v4 header")
        self.assertEqual(self.verify(self.signed(S3SigV4QueryAuth)).how, "v4 query")
        request = self.signed(SigV4Auth, "POST", b"{}", "dynamodb")
        self.assertEqual(self.verify(request, "dynamodb", body=b"{}").how, "v4 header")

    def test_changed(self):
        for name, change in {
                "method": lambda request: setattr(request, "method", "DELETE"),
                "path": lambda request: setattr(
                    request, "target", request.target.replace(b"~x//y", b"~x/y")),
                "query": lambda request: setattr(
                    request, "target", request.target.replace(b"%2B", b"%20")),
                "host": lambda request: request.fields.__setitem__(
                    0, (b"Host", b"s3.us-east-1.amazonaws.com.ccnproxy-https")),
                "field": lambda request: request.fields.append((b"x-amz-meta-note", b"more")),
                "unsigned": lambda request: request.fields.append((b"x-amz-acl", b"private")),
        }.items():
            with self.subTest(name):
                request = self.signed(S3SigV4Auth)
                self.verify(request)
                change(request)
                with self.assertRaises(Refused):
                    self.verify(request)

    def test_changed_signature(self):
        for request in (self.signed(S3SigV4Auth), self.signed(S3SigV4QueryAuth)):
            value = request.value("authorization") or request.target.decode()
            digit = value.rpartition("Signature=")[2][0]
            changed = value.replace("Signature=" + digit,
                                    "Signature=" + ("0" if digit != "0" else "1")).encode()
            if request.values(b"authorization"):
                request.fields = [(name, changed if name == b"Authorization" else value)
                                  for name, value in request.fields]
            else:
                request.target = changed
            with self.assertRaisesRegex(Refused, "SignatureDoesNotMatch"):
                self.verify(request)

    def test_other_scope_time_and_body(self):
        request = self.signed(SigV4Auth, "POST", b"{}", "sqs")
        now = datetime.datetime.now(datetime.timezone.utc).timestamp()
        self.verify(request, "sqs", body=b"{}")
        for change in ({"service": "sts"}, {"region": "eu-west-1"}, {"body": b"{ }"},
                       {"now": now + 1000}, {"now": now - 1000}):
            with self.subTest(change), self.assertRaises(Refused):
                self.verify(request, **{"service": "sqs", "body": b"{}", **change})


class Unsigned(unittest.TestCase):
    def test_trailer_without_signature(self):
        verified = chunked_request(UNSIGNED_AND_TRAILER, "")
        body = b"4\r\nbody\r\n0\r\nx-amz-checksum-crc32:26gLsg==\r\n\r\n"
        decoded = aws_chunked.decode(body, verified)
        self.assertEqual((decoded.data, decoded.trailer),
                         (b"body", {"x-amz-checksum-crc32": "26gLsg=="}))
        for wrong in (body[:-2], body + b"x", body.replace(b"4\r\n", b"5\r\n", 1)):
            with self.assertRaises(Refused):
                aws_chunked.decode(wrong, verified)
