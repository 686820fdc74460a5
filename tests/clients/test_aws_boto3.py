"""boto3: clients of S3, DynamoDB, SQS and STS, with endpoint_url, or http_proxy."""

from aws_lab import PROGRAMS, PYTHON, REGION, ProgramTest, RefusalTests, Way
from lab import PORT


class Boto3(RefusalTests, ProgramTest):
    command = [PYTHON, "-B", PROGRAMS / "boto3_client.py"]
    acts = {"objects virtual": set(), "objects path": set(), "streams": set(), "large": set(),
            "services": set()}
    presigned = ("v4 query", "v2 query")
    services = ("s3", "sqs", "dynamodb")

    def test_services_by_true_name(self):
        # The hosts file leads the true names here. What is signed has a port that AWS does not see.
        names = [f"{service}.{REGION}.amazonaws.com" for service in ("dynamodb", "sqs", "sts")]
        hosts = self.lab.world.directory / "hosts"
        hosts.write_text("127.0.0.1 " + " ".join(names) + "\n")
        way = Way("true_name", f"http://{{service}}.{REGION}.amazonaws.com:{PORT}", {})
        self.run_client(way, "unshare", "--mount", "sh", "-c",
                        'mount --bind "$0" /etc/hosts && exec "$@"', hosts,
                        *self.command, "services")
        self.assert_all_verified("v4 header")
        self.assert_round_trips()
