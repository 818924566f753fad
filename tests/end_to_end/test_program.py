"""The program as a person runs it: several at once, killed, on a damaged registry, on a full or forbidden disk."""

import json
import os
import signal
import subprocess

import pytest

from papin.testing.samples import tiny_gguf


def events(papin):
    return [json.loads(line)["event"] for line in papin("events", "--json").stdout.splitlines()]


def test_two_imports_of_one_file_at_once_make_one_model(papin, home, tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(tiny_gguf(payload=64 << 20))
    children = [papin.start("models", "import", path) for _ in range(3)]
    assert [child.wait() for child in children] == [0, 0, 0]
    for child in children:
        child.communicate()
    models = json.loads(papin("models", "list", "--json").stdout)
    assert [model["id"] for model in models] == ["m"]
    assert len([path for path in (home / "data/storages/store/blobs").rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize("content", [b"", b"not a database", b"\0" * 8192])
def test_a_damaged_registry_is_mended_by_the_next_command(papin, home, tiny, content):
    papin("models", "import", tiny, "--name", "mine")
    for file in (home / "data").glob("registry.db*"):
        file.write_bytes(content)
    assert "mine" in papin("models", "list").stdout
    assert "mine" in papin("models", "show", "mine").stdout


def test_a_newer_registry_is_refused_and_left_as_it_is(papin, home, tiny):
    import sqlite3

    papin("models", "import", tiny)
    connection = sqlite3.connect(home / "data/registry.db")
    connection.execute("PRAGMA user_version = 999")
    connection.commit()
    connection.close()
    before = (home / "data/registry.db").read_bytes()
    for command in (["models", "list"], ["models", "remove", "tiny", "--yes"]):
        assert "ERR_REGISTRY" in papin(*command, status=1).stderr
    assert (home / "data/registry.db").read_bytes() == before


def test_a_broken_configuration_is_a_usage_error_with_file_key_and_line(papin, home):
    home.mkdir()
    (home / "config.toml").write_text('offline = false\n\n[storages.store]\nlimit = "many"\n')
    failed = papin("storage", "show", status=2)
    assert "ERR_CONFIG" in failed.stderr
    assert "config.toml" in failed.stderr
    assert "storages.store.limit" in failed.stderr
    assert "line 4" in failed.stderr


def test_ctrl_c_is_130_and_the_import_can_go_on(papin, tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(tiny_gguf(payload=256 << 20))
    child = papin.start("--json", "models", "import", path)
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    _, said = child.communicate()
    if child.returncode == 0:
        pytest.skip("the import was quicker than the signal")
    assert child.returncode == 130, said
    assert json.loads(papin("models", "list", "--json").stdout) == []
    papin("models", "import", path)
    assert [each["id"] for each in json.loads(papin("models", "list", "--json").stdout)] == ["m"]


def test_d10_kill_9_at_any_moment_leaves_the_old_state_or_the_new_one(papin, home, tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(tiny_gguf(payload=32 << 20))
    for line in range(1, 8):
        child = papin.start("--json", "models", "import", path)
        for _ in range(line):
            child.stdout.readline()
        child.kill()
        child.communicate()
        models = json.loads(papin("models", "list", "--json").stdout)
        for model in models:
            assert papin("models", "verify", model["id"]).returncode == 0
    papin("models", "import", path)
    (model,) = json.loads(papin("models", "list", "--json").stdout)
    papin("models", "verify", model["id"])
    assert list((home / "data/storages/store/models").iterdir())


def mount(*arguments):
    return subprocess.run(["mount", *map(str, arguments)], capture_output=True).returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or not mount("-t", "tmpfs", "-o", "size=12m", "tmpfs", disk):
        pytest.skip("needs root and the right to mount")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.faults
def test_d3_a_full_disk_is_told_before_the_first_byte_and_nothing_is_lost(papin, small_disk, tmp_path):
    papin.environ["PAPIN_STORAGES__STORE__PATH"] = str(small_disk / "store")
    papin.environ["PAPIN_STORAGES__STORE__RESERVE"] = "0"
    small = tmp_path / "small.gguf"
    small.write_bytes(tiny_gguf())
    papin("models", "import", small)
    big = tmp_path / "big.gguf"
    big.write_bytes(tiny_gguf(payload=16 << 20))
    failed = papin("models", "import", big, status=1)
    assert "ERR_DISK_SPACE" in failed.stderr
    assert "Next:" in failed.stderr
    assert [each["id"] for each in json.loads(papin("models", "list", "--json").stdout)] == ["small"]
    papin("models", "remove", "small", "--yes")


@pytest.mark.faults
def test_d9_a_read_only_disk_is_told_and_reading_goes_on(papin, small_disk, tmp_path):
    papin.environ["PAPIN_STORAGES__STORE__PATH"] = str(small_disk / "store")
    papin.environ["PAPIN_STORAGES__STORE__RESERVE"] = "0"
    small = tmp_path / "small.gguf"
    small.write_bytes(tiny_gguf())
    papin("models", "import", small)
    assert mount("-o", "remount,ro", small_disk)
    other = tmp_path / "other.gguf"
    other.write_bytes(tiny_gguf(3))
    failed = papin("models", "import", other, status=1)
    assert "ERR_STORAGE" in failed.stderr
    papin("models", "verify", "small")
    assert "small" in papin("models", "list").stdout


@pytest.mark.faults
def test_d9_a_disk_that_is_not_mounted_loses_no_model(papin, small_disk, tmp_path):
    papin.environ["PAPIN_STORAGES__STORE__PATH"] = str(small_disk / "store")
    papin.environ["PAPIN_STORAGES__STORE__RESERVE"] = "0"
    small = tmp_path / "small.gguf"
    small.write_bytes(tiny_gguf())
    papin("models", "import", small)
    subprocess.run(["umount", small_disk], check=True)
    failed = papin("models", "verify", "small", status=1)
    assert "ERR_STORAGE" in failed.stderr
    assert "small" in papin("models", "list").stdout
    assert mount("-t", "tmpfs", "-o", "size=12m", "tmpfs", small_disk)


def test_the_overview_tells_of_what_is_recorded_and_of_what_programs_say(papin, tiny, home):
    first = papin().stdout
    assert first.startswith("Installed:  no models\n")
    papin("models", "import", tiny, "--name", "mine")
    lines = papin().stdout.splitlines()
    assert lines[0] == "Installed:  1 model, 4.3 kB"
    assert [line.partition(":")[0] for line in lines[1:4]] == ["Loaded", "Runs on", "Disk"]
    assert any(line.startswith("  papin run mine ") for line in lines)
    told = json.loads(papin("--json").stdout)
    assert [model["id"] for model in told["models"]] == ["mine"]
    assert {"loaded", "unfinished", "providers", "storages", "updates"} < set(told)
