"""PHP's streams (file_get_contents, fopen): HTTP/1.0 and 1.1, one connection for each request."""

from client_test import ACTS, LARGE, Act, ProgramTest
from lab import PROGRAMS

FORM = b"name=value&other=%20"


class PhpStreams(ProgramTest):
    command = ["php", PROGRAMS / "php_streams.php"]
    tunnels = False
    connections = 18  # one for each request
    acts = {act: ACTS[act]
            for act in ("get", "head", "post", "upload", "download", "range", "moved")}
    for version in ("1.0", "1.1"):
        acts[f"get-{version}"] = Act("GET", f"/get-{version}")
        acts[f"post-{version}"] = Act("POST", f"/post-{version}", sent=FORM)
        acts[f"download-{version}"] = Act("GET", "/large", answer=LARGE)
