"""The AWS SDK for JavaScript v2, with `endpoint`, or an agent for the proxy."""

from aws_lab import PROGRAMS, ProgramTest, RefusalTests, node_modules


class SdkV2(RefusalTests, ProgramTest):
    command = ["node", PROGRAMS / "sdk_v2.cjs"]
    acts = {"objects": set(), "streams": set(), "large": set(), "services": set()}
    presigned = ("v4 query", "v2 query")
    services = ("s3", "sqs", "dynamodb")

    @classmethod
    def setUpClass(cls):
        cls.modules = node_modules()
        super().setUpClass()

    def do(self, way, act, **more):
        return super().do(way, act, environment={"NODE_PATH": self.modules}, **more)
