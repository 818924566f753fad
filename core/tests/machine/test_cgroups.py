"""Limits of containers, in folders laid out as Linux lays them out."""

from __future__ import annotations

import pytest

from papin._machine import cgroups
from papin.machine import Memory


@pytest.fixture
def group(tmp_path):
    """Write files below a root of control groups, and say which group this process is in."""

    def write(own, **files):
        (tmp_path / "own").write_text(own)
        for path, text in files.items():
            file = tmp_path / "root" / path.replace("__", "/").replace("_DOT_", ".")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{text}\n")
        return tmp_path / "root", tmp_path / "own"

    return write


def test_without_limits_there_is_none(group, tmp_path):
    assert cgroups.memory(tmp_path / "no", tmp_path / "no") is None
    assert cgroups.cpus(tmp_path / "no", tmp_path / "no") is None
    root, own = group("0::/\n", memory_DOT_max="max", cpu_DOT_max="max 100000")
    assert cgroups.memory(root, own) is None
    assert cgroups.cpus(root, own) is None


def test_a_container_sees_its_own_group_at_the_top(group):
    root, own = group(
        "0::/\n",
        memory_DOT_max=8 << 30,
        memory_DOT_current=3 << 30,
        memory_DOT_stat=f"anon 100\nfile {2 << 30}\ninactive_file {1 << 30}\nactive_file 7",
        cpu_DOT_max="250000 100000",
    )
    assert cgroups.memory(root, own) == Memory(total=8 << 30, available=6 << 30)
    assert cgroups.cpus(root, own) == 3


def test_the_least_limit_above_counts(group):
    root, own = group(
        "0::/user.slice/papin.scope\n",
        user_DOT_slice__papin_DOT_scope__memory_DOT_max="max",
        user_DOT_slice__memory_DOT_max=4 << 30,
        user_DOT_slice__memory_DOT_current=5 << 30,
        user_DOT_slice__cpu_DOT_max="50000 100000",
        cpu_DOT_max="400000 100000",
    )
    assert cgroups.memory(root, own) == Memory(total=4 << 30, available=0)
    assert cgroups.cpus(root, own) == 1


def test_version_1(group):
    root, own = group(
        "5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n1:name=systemd:/docker/x\n",
        memory__memory_DOT_limit_in_bytes=9223372036854771712,
        memory__docker__x__memory_DOT_limit_in_bytes=2 << 30,
        memory__docker__x__memory_DOT_usage_in_bytes=1 << 30,
        memory__docker__x__memory_DOT_stat=f"cache 1\ntotal_inactive_file {1 << 29}",
        cpu__docker__x__cpu_DOT_cfs_quota_us=150000,
        cpu__docker__x__cpu_DOT_cfs_period_us=100000,
        cpu__cpu_DOT_cfs_quota_us=-1,
        cpu__cpu_DOT_cfs_period_us=100000,
    )
    assert cgroups.memory(root, own) == Memory(total=2 << 30, available=(1 << 30) + (1 << 29))
    assert cgroups.cpus(root, own) == 2


@pytest.mark.parametrize("own", ["", "nonsense", "0::", "::::\n", "0::/../../etc\n", "\0\n"])
def test_nonsense_harms_nobody(group, own):
    root, own = group(own, memory_DOT_max="x", cpu_DOT_max="0 0", memory_DOT_stat="a\nb c d")
    assert cgroups.memory(root, own) is None
    assert cgroups.cpus(root, own) is None
