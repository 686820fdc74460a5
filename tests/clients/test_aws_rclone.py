"""rclone, with the endpoint of its configuration, or http_proxy."""

import os

from aws_lab import BUCKET, TEMPORARY, UNKNOWN, WAYS, WRONG, AwsTest, make_tree

DATA = os.urandom(20 << 20)


class Rclone(AwsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = cls.lab.world.folder("rclone")
        (cls.folder / "large").write_bytes(DATA)

    def rclone(self, way, *arguments, path_style="false", **more):
        remote = {"TYPE": "s3", "PROVIDER": "AWS", "ENV_AUTH": "true", "REGION": "us-east-1",
                  "ENDPOINT": way.service("s3"), "FORCE_PATH_STYLE": path_style}
        settings = {"RCLONE_CONFIG_S3_" + name: value for name, value in remote.items()}
        settings["AWS_CA_BUNDLE"] = ""  # the SDK in it does not know rclone's transport
        return self.run_client(way, "rclone", "--retries", 1, "--low-level-retries", 1,
                               *arguments, environment=settings, **more)

    def test_files(self):
        tree, files = make_tree(self.folder / "tree")
        for way in WAYS:
            for path_style in ("false", "true"):
                with self.subTest(way=way.name, path_style=path_style):
                    self.setUp()
                    self.rclone(way, "sync", tree, f"s3:{BUCKET}", path_style=path_style)
                    self.assertEqual(self.contents(), files)
                    # All is as it should be: nothing is left to do.
                    self.rclone(way, "check", tree, f"s3:{BUCKET}", path_style=path_style)
                    listed = self.rclone(way, "lsf", "--recursive", "--files-only",
                                         f"s3:{BUCKET}", path_style=path_style)
                    self.assertEqual(set(listed.splitlines()), set(files))
                    self.check_requests()
                    self.assert_round_trips()

    def check_requests(self):
        """rclone puts small objects by URLs that it signs for itself."""
        ways = {record.how for record in self.server.records}
        self.assert_all_verified(*ways)
        self.assertLessEqual(ways, {"v4 header", "v4 query"})

    def test_large(self):
        for way in WAYS:
            with self.subTest(way=way.name):
                self.setUp()
                self.rclone(way, "--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M",
                            "copyto", self.folder / "large", f"s3:{BUCKET}/large")
                self.assertEqual(self.bucket["large"].data, DATA)
                self.rclone(way, "copyto", f"s3:{BUCKET}/large", self.folder / "back")
                self.assertEqual((self.folder / "back").read_bytes(), DATA)
                self.check_requests()

    def test_presigned(self):
        for way in WAYS:
            with self.subTest(way=way.name):
                self.setUp()
                self.rclone(way, "touch", f"s3:{BUCKET}/a b")
                url = self.rclone(way, "link", "--expire", "60s", f"s3:{BUCKET}/a b").strip()
                self.run_client(way, "curl", "-q", "-sS", "--fail", url)
                self.check_requests()

    def test_temporary_credentials(self):
        for way in WAYS:
            self.rclone(way, "touch", f"s3:{BUCKET}/x", key=TEMPORARY)
        self.check_requests()

    def test_refused(self):
        for key, said in ((WRONG, "SignatureDoesNotMatch"), (UNKNOWN, "--aws-credentials")):
            # It puts a file after HEAD, whose answers have no words.
            output = self.rclone(WAYS[0], "lsf", f"s3:{BUCKET}", key=key, fails=True)
            self.assertIn(said, output)
        self.assertEqual(self.server.records, [])
