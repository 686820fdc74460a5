"""The AWS SDK for JavaScript v2, with `endpoint`, or an agent for the proxy."""

from aws_lab import PROGRAMS, WAYS, NodeProgramTest, RefusalTests


class SdkV2(RefusalTests, NodeProgramTest):
    command = ["node", PROGRAMS / "sdk_v2.cjs"]
    acts = {"objects": set(), "streams": set(), "large": set(), "services": set()}
    presigned = ("v4 query", "v2 query")
    services = ("s3", "sqs", "dynamodb")

    def test_queue_url_goes_past_nikawa(self):
        # As the service names it: this machine knows no way there but nikawa.
        output = self.do(WAYS[0], "send https://sqs.us-east-1.amazonaws.com", fails=True)
        self.assertIn("UnknownEndpoint", output)
        self.assertEqual(self.server.records, [])
