"""Measuring models: with a llama-bench that takes no time, and with the real one."""

import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
import trio

from papin.errors import EngineMissing, LoadFailed, OutOfMemory, PapinError, ProviderFailed
from papin.kernel import open_kernel
from papin.models import LoadSettings
from papin.testing.samples import tiny_gguf
from papin_llamacpp import _bench
from papin_llamacpp._choices import resolve
from papin_llamacpp._settings import LlamaCppSettings

from .conftest import ended

HERE = Path(__file__).parent
PLAIN = LoadSettings()


@pytest.fixture
def bench(put_on_path):
    return put_on_path("llama-bench", "fake_llama_bench.py")


async def measured(world, model, settings=PLAIN, **more):
    told = []
    async with world.open(**more) as session:
        try:
            return await session.measure(model, settings, told.append), told
        except PapinError as error:
            failed = error
    raise failed


async def test_a_model_is_measured_as_it_would_be_loaded(world, bench):
    model = world.toy()
    speed, told = await measured(world, model, LoadSettings(n_threads=3, flash_attn=True), cache_type_k="q8_0")
    assert (speed.prompt_n, speed.prompt_per_second) == (512, 210.5)
    assert (speed.predicted_n, speed.predicted_per_second) == (128, 34.25)
    assert speed.engine == "llama-bench b11434"
    assert (speed.settings.n_threads, speed.settings.flash_attn, speed.settings.cache_type_k) == (3, True, "q8_0")
    done = [each.done for each in told]
    assert done == sorted(done)
    assert (told[0].done, told[-1].done, told[-1].total, told[-1].phase) == (0, 5, 6, "measuring")
    asked = json.loads((world.folder / "toy.asked").read_text())
    for pair in (("--threads", "3"), ("--flash-attn", "1"), ("--cache-type-k", "q8_0")):
        assert any(pair == each for each in pairwise(asked))
    assert "--n-gpu-layers" not in asked


async def test_without_the_program_it_says_how_to_get_it(world, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineMissing, match="llama-bench") as caught:
        await measured(world, world.toy())
    assert "PATH" in caught.value.next_step


async def test_a_program_that_cannot_be_started_is_missing(world, bench):
    bench.write_bytes(b"\x7fELF no program")
    with pytest.raises(EngineMissing, match="cannot be started"):
        await measured(world, world.toy())


@pytest.mark.parametrize(
    ("behaviour", "error", "words"),
    [
        ({"status": 1, "log": "llama_model_load: error loading model: bad magic"}, LoadFailed, "bad magic"),
        ({"status": 1, "log": "ggml: failed to allocate buffer"}, OutOfMemory, "allocate"),
        ({"says": "nothing"}, ProviderFailed, "without any figures"),
        ({"says": '{"n_prompt": 1, "n_gen": 0, "avg_ts": 1e999}'}, ProviderFailed, "without any figures"),
        ({"says": '{"n_prompt": 1, "n_gen": 0, "avg_ts": -1}'}, ProviderFailed, "without any figures"),
        ({"says": "[" * 100_000}, ProviderFailed, "without any figures"),
    ],
)
async def test_what_goes_wrong_has_a_reason(world, bench, behaviour, error, words):
    with pytest.raises(error, match=words):
        await measured(world, world.toy(**behaviour))


async def test_cancelling_ends_the_program(world, bench):
    model = world.toy(hangs=True)
    async with world.open() as session, trio.open_nursery() as nursery:
        started = trio.Event()

        def report(progress):
            if progress.done:
                started.set()

        nursery.start_soon(session.measure, model, PLAIN, report)
        await started.wait()
        processes = world.processes()
        assert [is_the_program(each) for each in processes].count(True) == 1
        nursery.cancel_scope.cancel()
    assert not any(psutil.pid_exists(each.pid) for each in processes)


def is_the_program(process):
    return "papin_llamacpp.leash" not in process.cmdline()


async def test_the_program_ends_with_a_papin_that_is_killed(world, bench):
    world.toy(hangs=True)
    command = [sys.executable, HERE / "measurer.py", json.dumps([str(world.folder), str(world.folder / "toy.gguf")])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as papin:  # noqa: ASYNC220
        assert papin.stdout.readline() == "measuring\n"
        processes = [each for each in world.processes() if each.pid != papin.pid]
        assert [is_the_program(each) for each in processes].count(True) == 1
        papin.kill()
    for each in processes:
        await ended(each.pid)


async def test_what_was_measured_is_remembered_by_its_weights(bench, tmp_path, monkeypatch):
    path = tmp_path / "mine.gguf"
    path.write_bytes(tiny_gguf())
    environ = {**os.environ, "PAPIN_HOME": str(tmp_path / "home"), "PAPIN_PROVIDERS__LLAMACPP__ENGINE": "llama-server"}
    server = bench.with_name("llama-server")
    shutil.copy(bench, server)
    async with open_kernel(environ=environ) as kernel:
        await kernel.downloads.wait((await kernel.downloads.start(str(path), name="mine")).id)
        assert await kernel.models.speeds("mine") == ()
        speed = await kernel.models.measure("mine")
        assert (speed.provider, speed.machine) == ("llamacpp", (await kernel.machine()).summary)
        assert await kernel.models.speeds("mine") == (speed,)


@pytest.mark.live
async def test_a_real_model_is_measured(world, smollm2, find_program, monkeypatch):
    program = find_program("llama-bench")
    monkeypatch.setenv("PATH", str(program.path.parent))
    for name, value in program.environ.items():
        monkeypatch.setenv(name, value)
    told = []

    async def measure(path):
        how = resolve(world.model(path), LoadSettings(flash_attn=True, n_threads=1), LlamaCppSettings())
        return await _bench.measure("m", str(path), how, told.append, sizes=(32, 4))

    speed = await measure(smollm2)
    assert speed.prompt_per_second > 0
    assert speed.predicted_per_second > 0
    assert (speed.prompt_n, speed.predicted_n) == (32, 4)
    assert [each.done for each in told] == [0, 1, 2, 4, 5]
    path = world.folder / "bad.gguf"
    path.write_text("hello")
    with pytest.raises(LoadFailed, match="magic"):
        await measure(path)
