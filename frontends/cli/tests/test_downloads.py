"""Downloads over a real connection that is slow, interrupted and cancelled, on a terminal and in pipes."""

import hashlib

import msgspec
import pytest
import trio

from papin.models import Job
from papin.testing.fault_scripts import cut, limited, no_length, ok, refuse
from papin.testing.fault_server import fault_server
from papin.testing.samples import tiny_gguf

WEIGHTS = 2 << 20


@pytest.fixture
def model_file():
    """A GGUF file with two MiB of weights."""
    return tiny_gguf(payload=WEIGHTS)


async def in_thread(function, *arguments):
    return await trio.to_thread.run_sync(lambda: function(*arguments))


async def test_ctrl_c_keeps_the_download_and_says_how_to_go_on(papin, model_file):
    async with fault_server(model_file) as server:
        server.play(*[limited(300_000)] * 100)
        terminal = papin.on_terminal("models", "download", server.url, "--name", "tiny", "--yes")
        await in_thread(terminal.until, "kB/s")
        terminal.type("\x03")
        shown = await in_thread(terminal.until, "--resume ")
        assert "Stopped. Go on with: papin models download --resume " in shown
        assert await in_thread(terminal.end) == 130
        [job] = papin("downloads", "list", "--json").json(list[Job])
        assert job.state == "interrupted"
        assert f"papin models download --resume {job.id}" in papin().out
        server.scripts.clear()
        resumed = await in_thread(papin, "models", "download", "--resume", job.id)
        assert resumed.status == 0
        assert "Installed tiny" in resumed.out
        assert server.sent < 1.5 * len(model_file)
    assert papin("models", "verify", "tiny", "--json").json()["checks"][0]["outcome"] == "ok"


async def test_another_process_cancels_it(papin, model_file):
    async with fault_server(model_file) as server:
        server.play(*[limited(100_000)] * 100)
        async with trio.open_nursery() as nursery:
            results = []

            async def download():
                results.append(await in_thread(papin, "models", "download", server.url, "--json"))

            nursery.start_soon(download)
            while not server.sent:
                await trio.lowlevel.checkpoint()
            [job] = papin("downloads", "list", "--json").json(list[Job])
            cancelled = papin("downloads", "cancel", job.id[:4])
            assert (cancelled.status, cancelled.out[:14]) == (0, f"Ended {job.id}")
    [result] = results
    assert result.status == 1
    lines = result.lines()
    assert lines[-1]["error"]["code"] == "ERR_CANCELLED"
    jobs = [msgspec.convert(line["job"], Job) for line in lines if "job" in line]
    assert jobs[-1].state == "cancelled"
    done = [each.progress.done for each in jobs if each.progress and each.progress.phase == "downloading"]
    assert done == sorted(done)


async def test_the_promised_digest_is_kept(papin, model_file):
    async with fault_server(model_file) as server:
        wrong = await in_thread(papin, "models", "download", server.url, "--sha256", "0" * 64, "--json")
        assert wrong.status == 1
        assert wrong.lines()[-1]["error"]["code"] == "ERR_DIGEST"
        digest = hashlib.sha256(model_file).hexdigest()
        right = await in_thread(papin, "models", "download", server.url, "--sha256", digest, "--name", "tiny")
    assert right.status == 0


@pytest.mark.parametrize("arguments", [["--offline", "models", "download"], ["models", "download", "--offline"]])
def test_offline_is_told(papin, arguments):
    result = papin(*arguments, "https://example.org/model.gguf")
    assert result.status == 1
    assert "ERR_OFFLINE" in result.err


async def test_an_unknown_size_is_asked_about_on_a_terminal(papin, model_file):
    async with fault_server(model_file, default=no_length()) as server:
        terminal = papin.on_terminal("models", "download", server.url)
        await in_thread(terminal.until, "Download it? [y/N] ")
        terminal.type("n\n")
        assert await in_thread(terminal.end) == 1
        assert "ERR_CANCELLED" in terminal.shown
    assert papin("downloads", "list", "--json").json() == []


def test_a_file_that_is_no_model_is_refused_by_its_name(papin, tmp_path):
    (tmp_path / "letter.gguf").write_text("Dear model, " * 100)
    result = papin("models", "import", str(tmp_path / "letter.gguf"))
    assert result.status == 1
    assert "ERR_FORMAT  Model incompatible with provider: letter.gguf is not in a model format" in result.err
    assert papin("models", "list", "--json").json() == []


def test_a_file_is_imported_and_stays(papin, model_file, tmp_path):
    file = tmp_path / "My Model.gguf"
    file.write_bytes(model_file)
    result = papin("models", "import", str(file), "--name", "tiny")
    assert result.status == 0
    assert "100 %" in result.err
    assert "\x1b" not in result.out + result.err
    assert file.read_bytes() == model_file
    for arguments in (["models", "show", "tiny"], ["events"], ["downloads", "list"], ["models", "list"]):
        shown = papin(*arguments)
        assert shown.status == 0
        assert "\x1b" not in shown.out


async def test_what_it_waits_for_stands_above_the_bar(papin, model_file):
    async with fault_server(model_file) as server:
        server.play(ok(), cut(at=300_000), refuse(503, retry_after="2"))
        terminal = papin.on_terminal("models", "download", server.url, "--name", "tiny", "--yes")
        shown = await in_thread(terminal.until, "answered with status 503.")
        assert "\nIt waits until " in shown.replace("\x1b[2K", "\n").replace("\r", "\n")
        await in_thread(terminal.until, "Installed tiny")
        assert await in_thread(terminal.end) == 0
