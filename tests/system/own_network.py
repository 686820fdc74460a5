"""A network of a test file's own, in which the well-known ports are free and any address can be
this machine's."""

import ctypes
import functools
import os
import pathlib
import subprocess
import tempfile
import unittest

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000


@functools.cache
def enter():
    """Moves this process to it, once; its children are born there. Its name server is 127.0.0.1,
    and a test is skipped where that cannot be had."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group, is_root = os.getuid(), os.getgid(), os.geteuid() == 0
    flags = CLONE_NEWNS | CLONE_NEWNET | (0 if is_root else CLONE_NEWUSER)
    if libc.unshare(flags) != 0:
        raise unittest.SkipTest("no namespace: " + os.strerror(ctypes.get_errno()))
    if not is_root:
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    with tempfile.NamedTemporaryFile("w", delete=False) as conf:
        conf.write("nameserver 127.0.0.1\n")
    os.chmod(conf.name, 0o644)
    commands = [["mount", "--make-rprivate", "/"],
                ["mount", "--bind", conf.name, "/etc/resolv.conf"],
                ["ip", "link", "set", "lo", "up"]]
    for command in commands:
        _run(command)
    os.unlink(conf.name)


def use_hosts_file(text):
    """/etc/hosts as programs of this network see it."""
    with tempfile.NamedTemporaryFile("w", delete=False) as hosts:
        hosts.write(text)
    os.chmod(hosts.name, 0o644)
    _run(["mount", "--bind", hosts.name, "/etc/hosts"])
    os.unlink(hosts.name)


def add_addresses(*addresses):
    """More addresses of this machine."""
    for address in addresses:
        _run(["ip", "address", "add", address, "dev", "lo"])


def _run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise unittest.SkipTest("no namespace: " + done.stderr.strip())
