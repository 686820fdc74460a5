"""The AWS SDK for JavaScript v3, with `endpoint`, or an agent for the proxy."""

from aws_lab import PROGRAMS, UNSIGNED_AND_TRAILER, ProgramTest, RefusalTests, node_modules


class SdkV3(RefusalTests, ProgramTest):
    command = ["node", PROGRAMS / "sdk_v3.cjs"]
    acts = {"objects": set(), "streams": {UNSIGNED_AND_TRAILER}, "large": set(),
            "services": set()}
    presigned = ("v4 query",)
    services = ("s3", "sqs", "dynamodb")

    @classmethod
    def setUpClass(cls):
        cls.modules = node_modules()
        super().setUpClass()

    def do(self, way, act, **more):
        return super().do(way, act, environment={"NODE_PATH": self.modules}, **more)
