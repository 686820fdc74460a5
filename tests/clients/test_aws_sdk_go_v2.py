"""The AWS SDK for Go v2, with an endpoint of its own, or http_proxy."""

from aws_lab import PROGRAMS, ProgramTest, RefusalTests


class SdkGoV2(RefusalTests, ProgramTest):
    acts = {"objects": set(), "paths": set(), "sums": set(), "large": set(), "services": set()}
    presigned = ("v4 query",)
    services = ("s3", "sqs")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.command = [cls.lab.built_by_go(PROGRAMS / "sdk_go_v2.go")]
