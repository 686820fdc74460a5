"""AWS Signature Version 4, and Version 2, as the service that is asked verifies them: written from
the documents of AWS ("Signing AWS API requests", "Authenticating Requests (AWS Signature Version
4)"), strictly, over the bytes that were received."""

import calendar
import base64
import dataclasses
import hashlib
import hmac
import re
import time

EMPTY_HASH = hashlib.sha256(b"").hexdigest()
MAX_SKEW = 15 * 60
UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
CHUNKS_AND_TRAILER = CHUNKS + "-TRAILER"
UNSIGNED_AND_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
UNSIGNED = "UNSIGNED-PAYLOAD"

# What of a query SigV2 signs: the sub-resources of S3, and the fields of the response it may set.
V2_SUB_RESOURCES = frozenset(b"""acl accelerate analytics cors defaultObjectAcl delete inventory
    lifecycle location logging metrics notification partNumber policy requestPayment replication
    restore tagging torrent uploadId uploads versionId versioning versions website
    response-content-type response-content-language response-expires response-cache-control
    response-content-disposition response-content-encoding""".split())


class Refused(Exception):
    """The request is not what its sender signed, with the code by which AWS says so."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


@dataclasses.dataclass(frozen=True)
class Credential:
    access_key: str
    secret: str
    token: str = ""


@dataclasses.dataclass
class Request:
    """As received: `target` in origin form, fields in their order; all in bytes."""
    method: str
    target: bytes
    fields: list

    def values(self, name):
        return [value for field, value in self.fields if field.lower() == name.lower()]

    def value(self, name):
        """The only value of a field, or None; a field that is there twice is refused."""
        values = self.values(name.encode())
        if len(values) > 1:
            raise Refused("InvalidRequest", f"{name} is there {len(values)} times")
        return values[0].decode("utf-8", "surrogateescape") if values else None

    @property
    def path(self):
        return self.target.partition(b"?")[0]

    def query(self):
        """Names and values, decoded, in their order."""
        raw = self.target.partition(b"?")[2]
        pairs = [pair.partition(b"=") for pair in raw.split(b"&") if pair]
        return [(unquote(name), unquote(value)) for name, _, value in pairs]


@dataclasses.dataclass
class Verified:
    """What was found right, and what the rest of the message is to be verified by."""
    how: str  # "v4 header", "v4 query", "v2 header", "v2 query"
    payload: str  # the value of x-amz-content-sha256, or the hash of the body; "" for SigV2
    region: str = ""
    signature: str = ""
    signed: tuple = ()
    canonical: bytes = b""
    timestamp: str = ""
    scope: str = ""
    key: bytes = b""

    def sign_chunk(self, previous, data):
        return self._sign("AWS4-HMAC-SHA256-PAYLOAD", previous, EMPTY_HASH,
                          hashlib.sha256(data).hexdigest())

    def sign_trailer(self, previous, lines):
        return self._sign("AWS4-HMAC-SHA256-TRAILER", previous, hashlib.sha256(lines).hexdigest())

    def _sign(self, algorithm, *parts):
        text = "\n".join([algorithm, self.timestamp, self.scope, *parts])
        return mac(self.key, text.encode()).hex()


def mac(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


def quote(text, safe=b""):
    """UriEncode() of the documents."""
    return b"".join(bytes([byte]) if byte in UNRESERVED or byte in safe else b"%%%02X" % byte
                    for byte in text)


def unquote(text):
    """Percent-decoding, in which a plus sign is a plus sign."""
    if re.search(rb"%(?![0-9A-Fa-f]{2})", text):
        raise Refused("InvalidURI", f"cannot decode {text!r}")
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), text)


def canonical_path(path, service):
    """S3 encodes once, the others what was received once more, without dots and empty segments."""
    if service == "s3":
        return quote(unquote(path), b"/")
    kept = []
    for segment in path.split(b"/"):
        if segment == b"..":
            kept = kept[:-1]
        elif segment not in (b"", b"."):
            kept.append(segment)
    end = b"/" if kept and path.endswith((b"/", b"/.", b"/..")) else b""
    return quote(b"/" + b"/".join(kept) + end, b"/")


def canonical_query(pairs):
    encoded = sorted((quote(name), quote(value)) for name, value in pairs)
    return b"&".join(name + b"=" + value for name, value in encoded)


def canonical_fields(request, signed):
    lines = []
    for name in signed:
        values = request.values(name.encode())
        if not values:
            raise Refused("SignatureDoesNotMatch", f"{name} is signed and is not there")
        joined = b",".join(b" ".join(value.split()) for value in values)
        lines.append(name.encode() + b":" + joined + b"\n")
    return b"".join(lines)


def canonical_request(request, service, signed, payload):
    pairs = [pair for pair in request.query() if pair[0] != b"X-Amz-Signature"]
    return b"\n".join([
        request.method.encode(), canonical_path(request.path, service), canonical_query(pairs),
        canonical_fields(request, signed), ";".join(signed).encode(), payload.encode()])


def signing_key(secret, date, region, service):
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = mac(key, part.encode())
    return key


def seconds(timestamp):
    try:
        return calendar.timegm(time.strptime(timestamp, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise Refused("AccessDenied", f"the date {timestamp!r} cannot be read") from None


def _header_claims(request):
    """What the Authorization field says."""
    text = request.value("authorization")
    found = re.fullmatch(r"AWS4-HMAC-SHA256 +Credential=([^,\s]+), *SignedHeaders=([^,\s]+), *"
                         r"Signature=([0-9a-f]{64})", text)
    if not found:
        raise Refused("AuthorizationHeaderMalformed", text)
    return {"credential": found[1], "signed": found[2], "signature": found[3],
            "date": request.value("x-amz-date"), "token": request.value("x-amz-security-token"),
            "expires": None}


def _query_claims(pairs):
    claims = {}
    for name, value in pairs:
        if name.startswith(b"X-Amz-"):
            if name in claims:
                raise Refused("AuthorizationQueryParametersError", f"{name!r} is there twice")
            claims[name] = value.decode()
    if claims.get(b"X-Amz-Algorithm") != "AWS4-HMAC-SHA256":
        raise Refused("AuthorizationQueryParametersError", "X-Amz-Algorithm")
    try:
        return {"credential": claims[b"X-Amz-Credential"],
                "signed": claims[b"X-Amz-SignedHeaders"],
                "signature": claims[b"X-Amz-Signature"], "date": claims[b"X-Amz-Date"],
                "token": claims.get(b"X-Amz-Security-Token"),
                "expires": int(claims[b"X-Amz-Expires"])}
    except (KeyError, ValueError) as error:
        raise Refused("AuthorizationQueryParametersError", str(error)) from error


def _check_time(date, expires, now):
    age = now - seconds(date)
    if expires is None:
        if abs(age) > MAX_SKEW:
            raise Refused("RequestTimeTooSkewed", f"{age:.0f} s")
    elif not 1 <= expires <= 604800:
        raise Refused("AuthorizationQueryParametersError", "X-Amz-Expires")
    elif age < -MAX_SKEW:
        raise Refused("AccessDenied", "Request is not yet valid")
    elif age > expires:
        raise Refused("AccessDenied", "Request has expired")


def _check_signed(request, signed):
    """Host, and all that begins with x-amz-, is to be signed."""
    if list(signed) != sorted(set(signed)) or any(name != name.lower() for name in signed):
        raise Refused("AuthorizationHeaderMalformed", f"SignedHeaders={';'.join(signed)}")
    present = {name.decode().lower() for name, _ in request.fields}
    left = {name for name in present
            if (name == "host" or name.startswith("x-amz-")) and name not in signed}
    if left:
        raise Refused("AccessDenied", f"HeadersNotSigned: {', '.join(sorted(left))}")


def _find(credentials, access_key):
    if access_key not in credentials:
        raise Refused("InvalidAccessKeyId", f"no key {access_key}")
    return credentials[access_key]


def _check_token(credential, token):
    if (token or "") != credential.token:
        raise Refused("InvalidToken", "The provided token is malformed or otherwise invalid.")


def _payload(request, service, is_query, body_hash):
    """The last line of the canonical request; what it says of the body is yet to be verified."""
    given = request.value("x-amz-content-sha256")
    if service != "s3":
        if given not in (None, body_hash):
            raise Refused("InvalidSignatureException", "x-amz-content-sha256 is not of the body")
        return body_hash
    if is_query:
        return given or UNSIGNED
    known = (UNSIGNED, CHUNKS, CHUNKS_AND_TRAILER, UNSIGNED_AND_TRAILER)
    if given is None or given not in known and not re.fullmatch("[0-9a-f]{64}", given):
        raise Refused("InvalidRequest", f"x-amz-content-sha256: {given}")
    return given


def verify_v4(request, service, region, credentials, now, body_hash=None):
    """Verifies; `region` is that of the Host. `body_hash` is needed by other services than S3."""
    pairs = request.query()
    is_query = any(name == b"X-Amz-Algorithm" for name, _ in pairs)
    if is_query and request.values(b"authorization"):
        raise Refused("InvalidArgument", "Only one auth mechanism allowed")
    claims = _query_claims(pairs) if is_query else _header_claims(request)
    parts = claims["credential"].split("/")
    if len(parts) != 5 or parts[4] != "aws4_request":
        raise Refused("AuthorizationHeaderMalformed", claims["credential"])
    access_key, date, scope_region, scope_service, _ = parts
    if (scope_region, scope_service) != (region, service):
        raise Refused("AuthorizationHeaderMalformed",
                      f"the scope {claims['credential']} is not of {service} in {region}")
    if claims["date"] is None or not claims["date"].startswith(date + "T"):
        raise Refused("SignatureDoesNotMatch", "the date of the scope is not that of the request")
    _check_time(claims["date"], claims["expires"], now)
    signed = tuple(claims["signed"].split(";"))
    _check_signed(request, signed)
    credential = _find(credentials, access_key)
    payload = _payload(request, service, is_query, body_hash)
    canonical = canonical_request(request, service, signed, payload)
    scope = "/".join(parts[1:])
    key = signing_key(credential.secret, date, region, service)
    text = "\n".join(["AWS4-HMAC-SHA256", claims["date"], scope,
                      hashlib.sha256(canonical).hexdigest()])
    if mac(key, text.encode()).hex() != claims["signature"]:
        raise Refused("SignatureDoesNotMatch", canonical.decode("utf-8", "backslashreplace"))
    _check_token(credential, claims["token"])
    return Verified("v4 query" if is_query else "v4 header", payload, region,
                    claims["signature"], signed, canonical, claims["date"], scope, key)


def verify_v2(request, bucket, credentials, now):
    """Verifies a request signed by Signature Version 2, which S3 alone still knows."""
    pairs = request.query()
    query = {name: value.decode() for name, value in pairs}
    if b"AWSAccessKeyId" in query:
        how, access_key, given = "v2 query", query[b"AWSAccessKeyId"], query.get(b"Signature")
        date = query.get(b"Expires", "0")
        if now > int(date):
            raise Refused("AccessDenied", "Request has expired")
        amz = {name for name, _ in request.fields if name.lower().startswith(b"x-amz-")}
        token = query.get(b"x-amz-security-token")
    else:
        how = "v2 header"
        found = re.fullmatch(r"AWS ([^:\s]+):(\S+)", request.value("authorization"))
        if not found:
            raise Refused("InvalidArgument", "Authorization")
        access_key, given = found[1], found[2]
        amz = {name for name, _ in request.fields if name.lower().startswith(b"x-amz-")}
        date = "" if request.value("x-amz-date") else request.value("date") or ""
        token = request.value("x-amz-security-token")
    credential = _find(credentials, access_key)
    _check_token(credential, token)
    lines = [b"%s:%s\n" % (name, b",".join(value.strip() for value in request.values(name)))
             for name in sorted(field.lower() for field in amz)]
    if how == "v2 query" and token:
        lines.append(b"x-amz-security-token:%s\n" % token.encode())
        lines.sort()
    sub_resources = sorted((name, value) for name, value in pairs if name in V2_SUB_RESOURCES)
    resource = (b"/" + bucket.encode() if bucket else b"") + request.path
    if sub_resources:
        resource += b"?" + b"&".join(name + b"=" + value if value else name
                                     for name, value in sub_resources)
    text = "\n".join([request.method, request.value("content-md5") or "",
                      request.value("content-type") or "", date]).encode()
    text += b"\n" + b"".join(lines) + resource
    right = hmac.new(credential.secret.encode(), text, hashlib.sha1).digest()
    if base64.b64encode(right).decode() != given:
        raise Refused("SignatureDoesNotMatch", text.decode("utf-8", "backslashreplace"))
    return Verified(how, "", canonical=text)
