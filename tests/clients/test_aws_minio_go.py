"""minio-go, which over plain HTTP signs each chunk of a body, and a trailer if asked to."""

from aws_lab import CHUNKS, CHUNKS_AND_TRAILER, PROGRAMS, ProgramTest, RefusalTests


class MinioGo(RefusalTests, ProgramTest):
    acts = {"objects": {CHUNKS}, "paths": {CHUNKS}, "streams": {CHUNKS, CHUNKS_AND_TRAILER},
            "large": {CHUNKS}}
    presigned = ("v4 query",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.command = [cls.lab.built_by_go(PROGRAMS / "minio_client.go")]
