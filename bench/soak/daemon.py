"""What the kernel and the daemon itself say of it."""

import http.client
import json
import os
import pathlib

WATCHER_ADDRESS = "127.0.0.4"  # its lines are neither good clients' nor others'


class Figures:
    """Of a running nikawa."""

    def __init__(self, nikawa):
        self._nikawa = nikawa
        self._proc = pathlib.Path(f"/proc/{nikawa.process.pid}")

    def resident_bytes(self):
        return self._nikawa.resident_bytes()

    def descriptors(self):
        return len(os.listdir(self._proc / "fd"))

    def threads(self):
        return len(os.listdir(self._proc / "task"))

    def origins(self):
        """The part of /.api/stats on origins. Its connection is closed when this returns."""
        asking = http.client.HTTPConnection("127.0.0.1", self._nikawa.port, timeout=20,
                                            source_address=(WATCHER_ADDRESS, 0))
        asking.request("GET", "/.api/stats", headers={"Connection": "close"})
        stats = json.loads(asking.getresponse().read())
        asking.close()
        return stats["origins"]

    def sessions(self):
        """Connections to origins, and those that are being opened."""
        return sum(each["sessions"] + each["dials_under_way"] for each in self.origins())
