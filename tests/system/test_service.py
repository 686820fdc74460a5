"""The systemd unit: how much it allows, and nikawa run under it by a systemd of our own."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import unittest

from harness import IS_SANITIZED, NIKAWA, PATIENCE, SystemTest, clean_environment, curl, free_port, \
    spawn, wait_until
from origins import Nginx

DEPLOY = pathlib.Path(__file__).resolve().parent.parent.parent / "deploy"
UNIT, SOCKETS, PORT_80, CONFIGURATION = (
    DEPLOY / name
    for name in ("nikawa.service", "nikawa.socket", "nikawa-port-80.conf", "nikawa.conf"))
SYSTEMD = "/usr/lib/systemd/systemd"
HIGHEST_EXPOSURE = 15  # tenths of what systemd-analyze says

NAMESPACES = ["unshare", "--fork", "--kill-child", "--pid", "--mount", "--cgroup", "--uts", "--ipc",
              "--propagation", "private"]

# What the machine has, with a layer above that takes all writing and vanishes with the namespace.
MAKE_ROOT = """
set -e
top=$1
mount -t tmpfs tmpfs "$top"
cd "$top"
mkdir above work root
mount -t overlay overlay -o lowerdir=/,upperdir=above,workdir=work root
cd root
mount -t proc proc proc
# As process 1 it would raise limits of the whole machine.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --rbind /dev dev
"""

# By copies, as the service's own user may not enter the folders that they come from.
BOOT = MAKE_ROOT + """
install -D -m 755 "$2" usr/sbin/nikawa
mkdir -p etc/nikawa etc/systemd/system/nikawa.service.d run/systemd/system/nikawa.service.d
cp "$3"/nikawa.service "$3"/test.target etc/systemd/system/
cp "$3"/ca.pem "$3"/nikawa.conf etc/nikawa/
chmod 644 etc/nikawa/nikawa.conf
chmod 600 etc/nikawa/ca.pem
printf '[a]\naws_access_key_id=AKIDEXAMPLE\naws_secret_access_key=secret\n' >etc/nikawa/aws
chmod 600 etc/nikawa/aws
if [ -e "$3"/port-80.conf ]; then cp "$3"/port-80.conf etc/systemd/system/nikawa.service.d/; fi
if [ -e "$3"/nikawa.socket ]; then cp "$3"/nikawa.socket etc/systemd/system/; fi
cp "$3"/test.conf run/systemd/system/nikawa.service.d/
mkdir -p tmp/old
pivot_root . tmp/old
umount -l tmp/old
mount --make-rshared /
exec env -i PATH="$PATH" container=test """ + SYSTEMD + """ --system --unit=test.target \
    --show-status=no --log-target=null --default-standard-output=null
"""

TARGET = "[Unit]\nDefaultDependencies=no\nWants=nikawa.service nikawa.socket\n"
SAID = "/run/nikawa.said"
# And the way for nikawa to read files that only root may, as operations.md has it.
DROP_IN = f"""[Service]
StandardOutput=append:{SAID}
StandardError=append:{SAID}
LoadCredential=ca.pem:/etc/nikawa/ca.pem
LoadCredential=aws:/etc/nikawa/aws
"""


def cgroup_parent():
    """The folder of our own control group in the unified hierarchy, wherever that is mounted."""
    own = re.search(r"^0::(.*)$", pathlib.Path("/proc/self/cgroup").read_text(), re.MULTILINE)
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split(" ")
        if own and "- cgroup2 " in line and fields[3] == "/":
            return pathlib.Path(fields[4] + own[1])
    return None


class ControlGroup:
    """A control group that is removed with all that was made below it."""

    def __init__(self):
        self.path = cgroup_parent() / f"nikawa-test-{os.getpid()}"
        self.path.mkdir()

    def command(self, *command):
        """The command line that runs a program in it."""
        return ["sh", "-c", 'echo $$ >"$0"/cgroup.procs && exec "$@"', self.path, *command]

    def processes(self, group):
        """Of a group below, as numbered here."""
        path = self.path / group / "cgroup.procs"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def close(self):
        """Once the last of its processes has ended."""
        wait_until(self._is_removed, "the end of what runs in a control group")

    def _is_removed(self):
        try:
            for folder, _, _ in os.walk(self.path, topdown=False):
                os.rmdir(folder)
        except OSError:
            return False  # busy
        return True


def reason_to_skip():
    """Why no systemd can be run here, or None."""
    if IS_SANITIZED:
        return "sanitizers do what the unit forbids"
    if os.geteuid() != 0 or not cgroup_parent():
        return "takes root and the unified hierarchy of control groups"
    if not os.access(SYSTEMD, os.X_OK):
        return "there is no systemd (package systemd)"
    try:
        group = ControlGroup()
    except OSError as error:
        return f"control groups cannot be made: {error}"
    try:
        tried = subprocess.run(
            group.command(*NAMESPACES, "sh", "-c", MAKE_ROOT, "sh", "/mnt"),
            capture_output=True, text=True, env=clean_environment())
        return None if tried.returncode == 0 else "namespaces cannot be made: " + tried.stderr
    finally:
        group.close()


class Service:
    """A systemd that has started the unit; looks to the harness like a nikawa."""

    def __init__(self, world, directory, configuration, has_port_80=False, sockets=None):
        self.files = directory
        shutil.copy(UNIT, self.files)
        shutil.copy(world.certificates.ca, self.files / "ca.pem")
        (self.files / "test.target").write_text(TARGET)
        (self.files / "test.conf").write_text(DROP_IN)
        (self.files / "nikawa.conf").write_text(configuration)
        if has_port_80:
            shutil.copy(PORT_80, self.files / "port-80.conf")
        if sockets is not None:
            (self.files / SOCKETS.name).write_text(sockets)
        (self.files / "root").mkdir()
        self._group = ControlGroup()
        self._systemd = spawn(*self._group.command(
            *NAMESPACES, "sh", "-c", BOOT, "sh", self.files / "root", NIKAWA, self.files))
        try:
            self.pid = wait_until(self._listening, "nikawa under systemd")
        except AssertionError as error:
            said = self._said() + self.systemctl("status", "nikawa", check=False)
            self.close()
            raise AssertionError(f"{error}; it said:\n{said}") from None
        self.port = int(re.search(r"listening on .*:(\d+)", self._said())[1])

    def _root(self):
        """What systemd sees as /; its own process is the first one in init.scope."""
        own = self._group.processes("init.scope")
        return pathlib.Path(f"/proc/{own[0]}/root") if own else None

    def _said(self):
        path = self._root() and pathlib.Path(f"{self._root()}{SAID}")
        return path.read_text() if path and path.exists() else ""

    def _listening(self):
        processes = self._group.processes("system.slice/nikawa.service")
        return processes[0] if processes and "listening on" in self._said() else None

    def said(self):
        return self._said().splitlines()

    def file(self, path):
        return pathlib.Path(f"{self._root()}{path}")

    def systemctl(self, *words, check=True):
        pid = self._group.processes("init.scope")[0]
        done = subprocess.run(
            ["nsenter", "--target", str(pid), "--all", "systemctl", "--no-pager", *words],
            capture_output=True, text=True, timeout=PATIENCE, env=clean_environment())
        if check and done.returncode != 0:
            raise AssertionError(f"systemctl {' '.join(words)}: {done.stderr}\n{self._said()}")
        return done.stdout

    def state(self):
        """What systemd holds of the service."""
        text = self.systemctl("show", "nikawa", "-p", "ActiveState,Result,ExecMainStatus,NRestarts")
        return dict(line.split("=", 1) for line in text.splitlines())

    def process_status(self):
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    def close(self):
        self._systemd.kill()  # unshare, and by it the first process of its namespace, and all
        self._systemd.wait()
        self._group.close()


def free_privileged_port():
    for port in range(1023, 512, -1):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no port below 1024 is free")


@unittest.skipUnless(shutil.which("systemd-analyze"), "there is no systemd-analyze")
class UnitTest(unittest.TestCase):
    def test_has_nothing_that_systemd_does_not_understand(self):
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", UNIT, SOCKETS],
                              capture_output=True, text=True)
        self.assertEqual([line for line in done.stderr.splitlines()
                          if "nikawa." in line and "is not executable" not in line], [])

    def test_allows_next_to_nothing(self):
        done = subprocess.run(
            ["systemd-analyze", "security", "--no-pager", "--offline=true",
             f"--threshold={HIGHEST_EXPOSURE}", UNIT], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class ServiceTest(SystemTest):
    @classmethod
    def setUpClass(cls):
        reason = reason_to_skip()
        if reason:
            raise unittest.SkipTest(reason)
        super().setUpClass()
        cls.nginx = Nginx(cls.world)
        cls.addClassCleanup(cls.nginx.close)

    def start(self, port=0, **more):
        configuration = CONFIGURATION.read_text().replace("port = 3000", f"port = {port}")
        configuration += ('ca-file = "/run/credentials/nikawa.service/ca.pem"\n'
                          'aws-credentials = "/run/credentials/nikawa.service/aws"\n'
                          f'resolver = "{self.world.names.address}"\n'
                          'allow-target = "loopback"\n')
        service = Service(self.world, self.world.folder(self.id().rsplit(".", 1)[-1]),
                          configuration, **more)
        self.addCleanup(service.close)
        return service

    def assert_forwards(self, service):
        for name in ("h2.test", "h1.test"):
            reply = curl(service, self.nginx.url(name, "/hello"))
            self.assertEqual((reply.status, reply.body), (200, f"hello from {name}".encode()))

    def test_serves_and_ends_well_with_no_rights(self):
        service = self.start()
        self.assert_forwards(service)

        status = service.process_status()
        self.assertNotIn("0", status["Uid"].split("\t"))
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp"], "2")
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[name], 16), 0, name)

        stats = curl(service, f"http://127.0.0.1:{service.port}/.api/stats")
        self.assertGreater(json.loads(stats.body)["memory_resident"], 0)

        log = service.file("/var/log/private/nikawa/current")
        wait_until(lambda: log.exists() and log.read_text().count("\n") == 3, "three access lines")
        moved = (log.parent / os.readlink(log)).rename(log.parent / "moved")
        service.systemctl("reload", "nikawa")
        self.assert_forwards(service)
        self.assertEqual(len([line for line in service.said() if "AWS credentials: 1 key" in line]),
                         2, service.said())
        wait_until(lambda: log.exists() and log.read_text().count("\n") == 2, "a new log")
        self.assertEqual(moved.stat().st_mode & 0o777, 0o600)

        service.systemctl("stop", "nikawa")
        self.assertEqual(service.state(), {"ActiveState": "inactive", "Result": "success",
                                           "ExecMainStatus": "0", "NRestarts": "0"})
        state_file = service.file("/var/lib/private/nikawa/state.json")
        self.assertIn("h2.test", state_file.read_text())
        self.assertEqual(state_file.stat().st_mode & 0o777, 0o600)
        self.assertEqual([line for line in service.said() if "[warning]" in line or
                          "[error]" in line], [])

    def test_listens_on_a_privileged_port_by_the_one_capability_for_it(self):
        service = self.start(port=free_privileged_port(), has_port_80=True)
        self.assert_forwards(service)
        bind_service = 1 << 10
        self.assertEqual(int(service.process_status()["CapEff"], 16), bind_service)
        self.assertEqual(int(service.process_status()["CapBnd"], 16), bind_service)

    def test_takes_sockets_of_systemd_without_any_capability(self):
        privileged, other = free_privileged_port(), free_port()
        sockets = SOCKETS.read_text().replace(":80\n", f":{privileged}\n")
        service = self.start(sockets=sockets.replace(":3000\n", f":{other}\n"))
        for service.port in (privileged, other):
            self.assert_forwards(service)
        self.assertEqual(int(service.process_status()["CapEff"], 16), 0)
        self.assertEqual(len([line for line in service.said() if "listening on" in line]), 2)

        # Who comes while there is no nikawa waits for the next one.
        service.systemctl("stop", "nikawa")
        self.assert_forwards(service)
        self.assertEqual(service.state()["ActiveState"], "active")


if __name__ == "__main__":
    unittest.main()
