"""A disk of our own, in a file, whose power can be cut: what nobody synced is gone then."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys

import pytest

_SHUT_DOWN = 0x8004587D  # FS_IOC_SHUTDOWN
_WITHOUT_FLUSHING_THE_LOG = 2


class Disk:
    """An ext4 file system; mounted while it is entered, or the test is skipped where that is not allowed."""

    def __init__(self, image, folder, *, size=48 << 20):
        self.image = image
        self.folder = folder
        folder.mkdir(exist_ok=True)
        if not image.exists():
            with image.open("wb") as file:
                file.truncate(size)
            _run("mkfs.ext4", "-q", image)

    def copy(self, image):
        """Return a disk with the same content, which must not be mounted now."""
        _run("cp", "--sparse=always", self.image, image)
        return Disk(image, self.folder)

    def cut_power(self):
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUT_DOWN, _WITHOUT_FLUSHING_THE_LOG.to_bytes(4, sys.byteorder))
        finally:
            os.close(handle)

    def __enter__(self):
        # Nothing is written out by itself, so that a cut loses whatever may be lost.
        _run("mount", "-o", "loop,commit=600", self.image, self.folder)
        return self.folder

    def __exit__(self, *_):
        _run("umount", self.folder)


def _run(*words):
    if shutil.which(words[0]) is None or os.geteuid() != 0:
        pytest.skip(f"needs root and {words[0]}")
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode and words[0] != "umount":
        pytest.skip(f"{words[0]} does not work here: {done.stderr}")
    assert done.returncode == 0, done.stderr
