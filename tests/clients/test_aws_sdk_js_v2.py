"""The AWS SDK for JavaScript v2, with `endpoint`, or an agent for the proxy."""

from aws_lab import PROGRAMS, NodeProgramTest, RefusalTests


class SdkV2(RefusalTests, NodeProgramTest):
    command = ["node", PROGRAMS / "sdk_v2.cjs"]
    acts = {"objects": set(), "streams": set(), "large": set(), "services": set()}
    presigned = ("v4 query", "v2 query")
    services = ("s3", "sqs", "dynamodb")
