"""A real router of llama-server, through the command line: its models listed and run, papin's model in it and out again."""

import os
import socket
import subprocess
import time
import urllib.request

import msgspec
import pytest

pytestmark = pytest.mark.live


@pytest.fixture
def router(find_program, tmp_path, home):
    """Start one with an empty folder of models; return that folder."""
    program = find_program("llama-server")
    folder = tmp_path / "models"
    folder.mkdir()
    (tmp_path / "presets.ini").touch()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [program, "--models-dir", folder, "--models-preset", tmp_path / "presets.ini", "--threads", "1"]
    environ = {**os.environ, **program.environ, "LLAMA_CACHE": str(tmp_path), "HF_HOME": str(tmp_path)}
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(
        f'[providers.llama-server]\nurl = "http://127.0.0.1:{port}"\nmodels_dir = "{folder}"\n'
        f'presets = "{tmp_path / "presets.ini"}"\n[providers.llamacpp]\nn_threads = 1\n'
    )
    with (tmp_path / "log").open("wb") as log:
        child = subprocess.Popen(
            [*map(os.fspath, command), "--host", "127.0.0.1", "--port", str(port)], env=environ, stdout=log, stderr=log
        )
    wait_healthy(child, f"http://127.0.0.1:{port}/health")
    yield folder
    child.terminate()
    child.wait()


def wait_healthy(child, url):
    deadline = time.monotonic() + 60
    while child.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            continue
        return
    raise AssertionError("it does not start")


def test_a_model_of_papin_goes_into_it_and_comes_back(papin, router):
    papin("models", "download", "starter:smollm2")
    papin("models", "share", "smollm2", "--with", "llama-server")
    (shared,) = (router / "smollm2").iterdir()
    (listed,) = msgspec.json.decode(papin("models", "list", "--json").stdout)
    assert {each["provider"] for each in listed["placements"]} == {"llama-server"}
    papin("models", "settings", "smollm2", "n_ctx=256", "--provider", "llama-server")
    said = papin("run", "smollm2", "Say hi.", "--provider", "llama-server", "--max-tokens", "4").stdout
    assert said.strip()
    refused = papin("models", "unshare", "smollm2", "--from", "llama-server", status=1)
    assert "ERR_IN_USE" in refused.stderr
    papin("models", "unload", "smollm2")
    papin("models", "unshare", "smollm2", "--from", "llama-server")
    assert not shared.exists()
    (listed,) = msgspec.json.decode(papin("models", "list", "--json").stdout)
    assert listed["placements"] == []
