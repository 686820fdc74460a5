"""The AWS SDK for Ruby: clients of S3 and STS, with `endpoint`, or `http_proxy`."""

from aws_lab import PROGRAMS, ProgramTest, RefusalTests


class SdkRuby(RefusalTests, ProgramTest):
    command = ["ruby", PROGRAMS / "ruby_client.rb"]
    acts = {"objects virtual": set(), "objects path": set(), "large": set(), "services": set()}
    presigned = ("v4 query",)
