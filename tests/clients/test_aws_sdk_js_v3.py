"""The AWS SDK for JavaScript v3, with `endpoint`, or an agent for the proxy."""

from aws_lab import PROGRAMS, UNSIGNED_AND_TRAILER, NodeProgramTest, RefusalTests


class SdkV3(RefusalTests, NodeProgramTest):
    command = ["node", PROGRAMS / "sdk_v3.cjs"]
    acts = {"objects": set(), "streams": {UNSIGNED_AND_TRAILER}, "large": set(),
            "services": set()}
    presigned = ("v4 query",)
    services = ("s3", "sqs", "dynamodb")
