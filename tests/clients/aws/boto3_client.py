"""What a program with boto3 does. ENDPOINT is all that is changed for nikawa."""

import hashlib
import io
import json
import os
import sys

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT, BUCKET, KEYS = os.environ["ENDPOINT"], os.environ["BUCKET"], json.loads(
    os.environ["KEYS"])


def client(service, **settings):
    return boto3.client(service, endpoint_url=ENDPOINT.format(service=service),
                        config=Config(retries={"total_max_attempts": 1}, **settings))


def objects(addressing):
    s3 = client("s3", s3={"addressing_style": addressing})
    for key in KEYS:
        body = key.encode() * 1000
        s3.put_object(Bucket=BUCKET, Key=key, Body=body, ContentType="text/plain",
                      Metadata={"note": "two  words"})
        got = s3.get_object(Bucket=BUCKET, Key=key)
        assert got["Body"].read() == body, key
        assert got["ContentType"] == "text/plain" and got["Metadata"]["note"], got
        s3.head_object(Bucket=BUCKET, Key=key)
    listed = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    assert sorted(entry["Key"] for entry in listed) == sorted(KEYS), listed
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix="d", Delimiter="/", PaginationConfig={"PageSize": 1})
    assert [page["CommonPrefixes"][0]["Prefix"] for page in pages] == ["dots/"]
    got = s3.get_object(Bucket=BUCKET, Key=KEYS[0], Range="bytes=2-5")
    assert got["Body"].read() == (KEYS[0].encode() * 1000)[2:6]
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "a b c"})
    s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in KEYS]})
    s3.delete_object(Bucket=BUCKET, Key="copy")
    try:
        s3.get_object(Bucket=BUCKET, Key="copy")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "NoSuchKey", error
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


def streams():
    """A body of which boto3 has no copy: with Expect, and with a checksum of choice."""
    s3 = client("s3", s3={"addressing_style": "virtual"})
    data = bytes(range(256)) * 6000
    s3.put_object(Bucket=BUCKET, Key="stream", Body=io.BufferedReader(io.BytesIO(data)))
    assert s3.get_object(Bucket=BUCKET, Key="stream")["Body"].read() == data
    s3.put_object(Bucket=BUCKET, Key="sum", Body=data, ChecksumAlgorithm="SHA256")


def large():
    s3 = client("s3", s3={"addressing_style": "virtual"})
    data = os.urandom(20 << 20)
    s3.upload_fileobj(io.BytesIO(data), BUCKET, "large",
                      Config=TransferConfig(multipart_chunksize=5 << 20))
    back = io.BytesIO()
    s3.download_fileobj(BUCKET, "large", back)
    assert hashlib.md5(back.getvalue()).digest() == hashlib.md5(data).digest()


def presign():
    """URLs for anyone: by both versions."""
    for version in ("s3v4", "s3"):
        s3 = client("s3", signature_version=version, s3={"addressing_style": "virtual"})
        print(json.dumps({
            "get": s3.generate_presigned_url(
                "get_object", {"Bucket": BUCKET, "Key": "a b+c~"}, ExpiresIn=60),
            "put": s3.generate_presigned_url(
                "put_object", {"Bucket": BUCKET, "Key": "a b+c~"}, ExpiresIn=60)}))


def services():
    table = client("dynamodb")
    item = {"id": {"S": "ünïque"}, "count": {"N": "1"}}
    table.put_item(TableName="table", Item=item)
    assert table.get_item(TableName="table", Key={"id": item["id"]})["Item"] == {"id": item["id"]}
    # The queue is named as the service names it: the endpoint decides where the request goes.
    sent = client("sqs").send_message(
        QueueUrl="https://sqs.us-east-1.amazonaws.com/123456789012/queue", MessageBody="héllo +&=")
    assert sent["MessageId"] == "1"
    assert client("sts").get_caller_identity()["Account"] == "123456789012"


def put(service="s3"):
    """One request; what is wrong is for the user to see."""
    if service == "s3":
        client("s3").put_object(Bucket=BUCKET, Key="key", Body=b"body")
    elif service == "sqs":
        client("sqs").send_message(QueueUrl=ENDPOINT.format(service="sqs") + "/1/queue",
                                   MessageBody="hello")
    else:
        client(service).put_item(TableName="table", Item={"id": {"S": "1"}})


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
