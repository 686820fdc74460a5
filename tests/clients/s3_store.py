"""Buckets in memory, behind the operations of S3 that clients use."""

import base64
import dataclasses
import hashlib
import re
import threading
import time
import urllib.parse
from email.utils import formatdate
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from sigv4 import Refused

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
MIN_PART = 5 << 20


@dataclasses.dataclass
class Stored:
    """An object."""
    data: bytes
    etag: str
    fields: dict
    at: float = dataclasses.field(default_factory=time.time)


@dataclasses.dataclass
class Upload:
    """One in parts."""
    key: str
    fields: dict
    parts: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Call:
    """A request for an operation, verified; the names of fields are in lower case."""
    method: str
    bucket: str
    key: str
    query: dict
    fields: dict
    data: bytes


@dataclasses.dataclass
class Answer:
    status: int = 200
    fields: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""


def xml(name, inner, status=200):
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{NAMESPACE}">{inner}</{name}>'
    return Answer(status, {"Content-Type": "application/xml"}, body.encode())


def element(name, value):
    return f"<{name}>{escape(str(value))}</{name}>"


def iso(at):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at))


def md5(data):
    return hashlib.md5(data).hexdigest()


def kept_fields(fields):
    """What of a request's fields an object keeps, and gives back."""
    names = ("content-type", "cache-control", "content-disposition", "content-language", "expires")
    kept = {name: value for name, value in fields.items()
            if name in names or name.startswith("x-amz-meta-")}
    codings = [coding.strip() for coding in fields.get("content-encoding", "").split(",")]
    left = [coding for coding in codings if coding not in ("", "aws-chunked")]
    if left:
        kept["content-encoding"] = ", ".join(left)
    kept.setdefault("content-type", "binary/octet-stream")
    checksums = {name: value for name, value in fields.items()
                 if re.fullmatch(r"x-amz-checksum-(crc32c?|sha1|sha256)", name)}
    return {**kept, **checksums}


def children(document, name):
    """Elements of a document of a client's, whatever their namespace."""
    try:
        root = ElementTree.fromstring(document)
    except ElementTree.ParseError as error:
        raise Refused("MalformedXML", str(error)) from error
    return [node for node in root.iter() if node.tag.rpartition("}")[2] == name]


def text_of(node, name, default=None):
    found = [child.text or "" for child in node if child.tag.rpartition("}")[2] == name]
    return found[0] if found else default


class Store:
    """All buckets. What is called is chosen by method and sub-resource, as S3 does."""

    def __init__(self):
        self.buckets, self.uploads = {}, {}
        self._lock = threading.RLock()
        self._count = 0

    def call(self, call):
        with self._lock:
            if not call.bucket:
                return self._list_buckets(call)
            if not call.key:
                return self._on_bucket(call)
            return self._on_object(call)

    def _bucket(self, call):
        if call.bucket not in self.buckets:
            raise Refused("NoSuchBucket", call.bucket)
        return self.buckets[call.bucket]

    def _object(self, call, key=None):
        bucket = self._bucket(call)
        key = call.key if key is None else key
        if key not in bucket:
            raise Refused("NoSuchKey", key)
        return bucket[key]

    def _list_buckets(self, call):
        if call.method != "GET":
            raise Refused("MethodNotAllowed", call.method)
        buckets = "".join(
            f"<Bucket>{element('Name', name)}{element('CreationDate', iso(0))}</Bucket>"
            for name in sorted(self.buckets))
        return xml("ListAllMyBucketsResult",
                   f"<Owner><ID>1</ID></Owner><Buckets>{buckets}</Buckets>")

    def _on_bucket(self, call):
        if call.method == "PUT" and not call.query:
            self.buckets.setdefault(call.bucket, {})
            return Answer(200, {"Location": "/" + call.bucket})
        bucket = self._bucket(call)
        if call.method == "HEAD":
            return Answer(200, {"x-amz-bucket-region": "us-east-1"})
        if call.method == "DELETE" and not call.query:
            if bucket:
                raise Refused("BucketNotEmpty", call.bucket)
            del self.buckets[call.bucket]
            return Answer(204)
        if call.method == "POST" and "delete" in call.query:
            return self._delete_objects(call)
        if call.method != "GET":
            raise Refused("NotImplemented", f"{call.method} {call.query}")
        if "location" in call.query:
            return xml("LocationConstraint", "")
        if "versioning" in call.query:
            return xml("VersioningConfiguration", "")
        if "uploads" in call.query:
            return xml("ListMultipartUploadsResult", element("Bucket", call.bucket))
        other = set(call.query) - {"list-type", "prefix", "delimiter", "max-keys", "marker",
                                   "encoding-type", "continuation-token", "start-after",
                                   "fetch-owner", "metadata", "x-id"}
        if other:
            raise Refused("NotImplemented", f"GET of a bucket's {other}")
        return self._list(call)

    def _list(self, call):
        query = call.query
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        is_v2 = query.get("list-type") == "2"
        after = query.get("continuation-token") or query.get("start-after") if is_v2 else query.get(
            "marker")
        entries = {}  # a name, and the object or None for a prefix that many have in common
        for key in sorted(self._bucket(call), key=lambda key: key.encode()):
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            name = key[:cut + len(delimiter)] if cut >= 0 else key
            if key.startswith(prefix) and (not after or name > after):
                entries[name] = None if cut >= 0 else self._bucket(call)[key]
        most = int(query.get("max-keys", 1000))
        shown = list(entries)[:most]

        def name_of(text):
            return urllib.parse.quote(text, "/") if query.get("encoding-type") == "url" else text

        parts = [element("Name", call.bucket), element("Prefix", name_of(prefix)),
                 element("MaxKeys", most), element("IsTruncated", str(
                     len(entries) > most).lower())]
        if delimiter:
            parts.append(element("Delimiter", name_of(delimiter)))
        if "encoding-type" in query:
            parts.append(element("EncodingType", "url"))
        if is_v2:
            parts.append(element("KeyCount", len(shown)))
        if len(entries) > most:
            parts.append(element("NextContinuationToken", shown[-1]) if is_v2
                         else element("NextMarker", name_of(shown[-1])))
        for name in shown:
            stored = entries[name]
            if stored is None:
                parts.append(f"<CommonPrefixes>{element('Prefix', name_of(name))}</CommonPrefixes>")
                continue
            parts.append("<Contents>" + element("Key", name_of(name))
                         + element("LastModified", iso(stored.at)) + element("ETag", stored.etag)
                         + element("Size", len(stored.data))
                         + element("StorageClass", "STANDARD") + "</Contents>")
        return xml("ListBucketResult", "".join(parts))

    def _delete_objects(self, call):
        deleted = []
        for node in children(call.data, "Object"):
            key = text_of(node, "Key")
            self._bucket(call).pop(key, None)
            deleted.append(f"<Deleted>{element('Key', key)}</Deleted>")
        return xml("DeleteResult", "".join(deleted))

    def _on_object(self, call):
        query, method = call.query, call.method
        if method == "POST" and "uploads" in query:
            return self._create_upload(call)
        if method == "POST" and "uploadId" in query:
            return self._complete(call)
        if method == "PUT" and "uploadId" in query:
            return self._put_part(call)
        if method == "DELETE" and "uploadId" in query:
            self._upload(call)
            del self.uploads[query["uploadId"]]
            return Answer(204)
        if method == "GET" and "uploadId" in query:
            return self._list_parts(call)
        if set(query) & {"acl", "tagging", "policy", "retention", "legal-hold", "uploads"}:
            raise Refused("NotImplemented", f"{method} {query}")
        if method == "PUT":
            return self._put(call)
        if method in ("GET", "HEAD"):
            return self._get(call)
        if method == "DELETE":
            self._bucket(call).pop(call.key, None)
            return Answer(204)
        raise Refused("MethodNotAllowed", method)

    def _source(self, call):
        """What x-amz-copy-source names."""
        path = urllib.parse.unquote(call.fields["x-amz-copy-source"]).lstrip("/")
        bucket, _, key = path.partition("/")
        return self._object(dataclasses.replace(call, bucket=bucket, key=key))

    def _put(self, call):
        bucket = self._bucket(call)
        if "x-amz-copy-source" in call.fields:
            source = self._source(call)
            fields = (kept_fields(call.fields)
                      if call.fields.get("x-amz-metadata-directive") == "REPLACE"
                      else source.fields)
            bucket[call.key] = Stored(source.data, source.etag, fields)
            return xml("CopyObjectResult", element("LastModified", iso(time.time()))
                       + element("ETag", source.etag))
        stored = Stored(call.data, f'"{md5(call.data)}"', kept_fields(call.fields))
        bucket[call.key] = stored
        return Answer(200, {"ETag": stored.etag, **self._checksums(stored.fields)})

    @staticmethod
    def _checksums(fields):
        return {name: value for name, value in fields.items()
                if name.startswith("x-amz-checksum-")}

    def _get(self, call):
        stored = self._object(call)
        fields = {"ETag": stored.etag, "Last-Modified": formatdate(stored.at, usegmt=True),
                  "Accept-Ranges": "bytes"}
        wants_checksums = call.fields.get("x-amz-checksum-mode", "").upper() == "ENABLED"
        fields.update({name: value for name, value in stored.fields.items()
                       if not name.startswith("x-amz-checksum-") or wants_checksums})
        for name, value in call.query.items():
            if name.startswith("response-"):
                fields[name[len("response-"):]] = value
        found = re.fullmatch(r"bytes=(\d*)-(\d*)", call.fields.get("range", ""))
        if not found or found[0] == "bytes=-":
            return Answer(200, fields, stored.data)
        size = len(stored.data)
        first = int(found[1]) if found[1] else max(0, size - int(found[2]))
        last = min(int(found[2]), size - 1) if found[1] and found[2] else size - 1
        if first > last:
            raise Refused("InvalidRange", found[0])
        kept = {name: value for name, value in fields.items()
                if not name.startswith("x-amz-checksum-")}
        return Answer(206, {**kept, "Content-Range": f"bytes {first}-{last}/{size}"},
                      stored.data[first:last + 1])

    def _create_upload(self, call):
        self._bucket(call)
        self._count += 1
        name = f"upload-{self._count}"
        self.uploads[name] = Upload(call.key, kept_fields(call.fields))
        return xml("InitiateMultipartUploadResult", element("Bucket", call.bucket)
                   + element("Key", call.key) + element("UploadId", name))

    def _upload(self, call):
        upload = self.uploads.get(call.query["uploadId"])
        if upload is None or upload.key != call.key:
            raise Refused("NoSuchUpload", call.query["uploadId"])
        return upload

    def _put_part(self, call):
        upload = self._upload(call)
        data = self._source(call).data if "x-amz-copy-source" in call.fields else call.data
        etag = f'"{md5(data)}"'
        upload.parts[int(call.query["partNumber"])] = Stored(data, etag, {})
        if "x-amz-copy-source" in call.fields:
            return xml("CopyPartResult", element("ETag", etag))
        return Answer(200, {"ETag": etag, **self._checksums(kept_fields(call.fields))})

    def _list_parts(self, call):
        parts = "".join(
            "<Part>" + element("PartNumber", number) + element("ETag", part.etag)
            + element("Size", len(part.data)) + "</Part>"
            for number, part in sorted(self._upload(call).parts.items()))
        return xml("ListPartsResult", element("UploadId", call.query["uploadId"]) + parts)

    def _complete(self, call):
        upload = self._upload(call)
        chosen = []
        for node in children(call.data, "Part"):
            part = upload.parts.get(int(text_of(node, "PartNumber", 0)))
            if part is None or text_of(node, "ETag", "").strip('"') != part.etag.strip('"'):
                raise Refused("InvalidPart", text_of(node, "PartNumber"))
            chosen.append(part)
        if any(len(part.data) < MIN_PART for part in chosen[:-1]):
            raise Refused("EntityTooSmall", "a part that is not the last")
        sums = b"".join(bytes.fromhex(part.etag.strip('"')) for part in chosen)
        etag = f'"{md5(sums)}-{len(chosen)}"'
        data = b"".join(part.data for part in chosen)
        self._bucket(call)[call.key] = Stored(data, etag, upload.fields)
        del self.uploads[call.query["uploadId"]]
        return xml("CompleteMultipartUploadResult", element("Bucket", call.bucket)
                   + element("Key", call.key) + element("ETag", etag))


def check_md5(fields, data):
    given = fields.get("content-md5")
    if given is not None and base64.b64decode(given) != hashlib.md5(data).digest():
        raise Refused("BadDigest", "Content-MD5")
