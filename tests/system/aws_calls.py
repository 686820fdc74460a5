"""Makes the calls of boto3 that are asked for on stdin, a line of JSON each, and answers in lines.
Run by the Python that boto3 is installed for.

All names lead to the port of this machine that is asked for.
"""

import json
import socket
import sys
import urllib.error
import urllib.parse
import urllib.request

import boto3
import botocore.client
import botocore.exceptions


getaddrinfo = socket.getaddrinfo


def resolve_to(port):
    def resolve(_host, _port, *arguments, **more):
        return getaddrinfo("127.0.0.1", port, *arguments, **more)

    socket.getaddrinfo = resolve


def fetch(method, url, data, suffix):
    """What a client without any key gets by a presigned URL, to whose name it adds a suffix."""
    parts = urllib.parse.urlsplit(url)
    url = parts._replace(netloc=f"{parts.hostname}{suffix}:{parts.port}").geturl()
    request = urllib.request.Request(url, data and data.encode("latin-1"), method=method)
    with urllib.request.urlopen(request) as response:
        return response.read().decode("latin-1")


def call(asked):
    config = botocore.client.Config(retries={"max_attempts": 0}, **asked.get("config", {}))
    client = boto3.client(
        asked["service"], region_name="eu-west-1", endpoint_url=asked["endpoint"], config=config,
        **dict(zip(("aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
                   asked["key"])))
    arguments = asked.get("arguments", {})
    if asked["call"] == "presigned":
        url = client.generate_presigned_url(**arguments)
        return fetch("PUT" if asked.get("data") else "GET", url, asked.get("data"),
                     asked["suffix"])
    if "Body" in arguments:
        arguments["Body"] = arguments["Body"].encode("latin-1")
    got = getattr(client, asked["call"])(**arguments)
    got.pop("ResponseMetadata")
    if "Body" in got:
        got["Body"] = got["Body"].read().decode("latin-1")
    return {name: value for name, value in got.items() if isinstance(value, (str, list, int))}


def main():
    for line in sys.stdin:
        asked = json.loads(line)
        resolve_to(asked["port"])
        try:
            answer = {"result": call(asked)}
        except botocore.exceptions.ClientError as error:
            answer = {"error": error.response["Error"],
                      "status": error.response["ResponseMetadata"]["HTTPStatusCode"],
                      "request_id": error.response["ResponseMetadata"].get("RequestId")}
        except urllib.error.HTTPError as error:
            answer = {"error": error.read().decode(), "status": error.code}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
