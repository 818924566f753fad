"""A model that is uploaded again with another header: its weights are taken from the version that is here."""

import hashlib
import signal
import struct
import sys
from contextlib import aclosing

import pytest
import trio

from papin.kernel import open_kernel
from papin.testing.fault_scripts import no_range, ok, stall
from papin.testing.fault_server import fault_server
from papin.testing.samples import HYPERPARAMETERS, sha256_of

from .conftest import download, states, wanted

MIB = 1 << 20
SPOT = 64 << 10
WEIGHTS = hashlib.shake_256(b"weights").digest(16 * MIB)


def gguf(template, weights=WEIGHTS, tensors=4):
    """Return a GGUF file with that chat template, whose tensors are `weights`."""

    def text(value):
        return struct.pack("<Q", len(value)) + value.encode()

    pairs = text("general.architecture") + struct.pack("<I", 8) + text("llama")
    pairs += text("tokenizer.chat_template") + struct.pack("<I", 8) + text(template)
    pairs += b"".join(text(key) + struct.pack("<II", 4, value) for key, value in HYPERPARAMETERS.items())
    each = len(weights) // tensors
    table = b"".join(
        text(f"blk.{number}.weight") + struct.pack("<IQIQ", 1, each // 4, 0, each * number) for number in range(tensors)
    )
    head = b"GGUF" + struct.pack("<IQQ", 3, tensors, 2 + len(HYPERPARAMETERS)) + pairs + table
    return head + bytes(-len(head) % 32) + weights


def changed(body, at):
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


OLD = gguf("{{ messages }}")
NEW = gguf("{{ messages }} and more of it" * 400)
HEAD = len(NEW) - len(WEIGHTS)


@pytest.fixture
async def kernel(environ):
    async with open_kernel(environ=environ) as kernel:
        yield kernel


async def install(kernel, put, *files):
    """Install the old version, with other `files` beside it."""
    async with fault_server(OLD) as server:
        put("m", wanted("m.gguf", server.url, body=OLD), *files, revision="a" * 40)
        await download(kernel, "shelf:m")


async def update(kernel, body, *beside):
    """Bring it in; return the job as it changed, and see that the model is `body` now, and files `beside` it."""
    changes = await states(kernel, await kernel.updates.start("m"))
    assert changes[-1].state == "completed", changes[-1].error
    shown = [each.progress.done for each in changes if each.progress]
    assert shown == sorted(shown)
    model = await kernel.models.show("m")
    assert [file.sha256 for file in model.files] == [sha256_of(each) for each in (body, *beside)]
    checks = (await kernel.models.verify("m")).checks
    assert [each.outcome for each in checks[: len(model.files)]] == ["ok"] * len(model.files)
    return changes[-1]


async def test_of_a_new_header_no_more_than_that_is_fetched(kernel, put):
    await install(kernel, put)
    async with fault_server(NEW) as server:
        put("m", wanted("m.gguf", server.url, body=NEW), revision="b" * 40)
        (check,) = await kernel.updates.check(["m"])
        assert (check.outcome, check.update.weights) == ("metadata", False)
        assert HEAD <= check.update.fetch - 9 * SPOT <= HEAD + 4096
        assert check.update.reused == len(NEW) - check.update.fetch
        assert (len(server.requests), server.sent) == (2, 2 * SPOT)
        job = await update(kernel, NEW)
        assert (job.warnings, job.progress.done) == ((), len(NEW))
        assert server.sent == 2 * SPOT + check.update.fetch < MIB
        assert (await kernel.updates.rollback("m")).files[0].sha256 == sha256_of(OLD)
        assert (await kernel.models.verify("m")).checks[0].outcome == "ok"


async def test_a_download_of_what_is_here_in_another_version_reuses_that(kernel, put):
    await install(kernel, put)
    async with fault_server(NEW) as server:
        put("m", wanted("m.gguf", server.url, body=NEW), revision="b" * 40)
        plan = await kernel.downloads.plan("shelf:m", name="second")
        assert (plan.files[0].reused, plan.fetch < MIB, server.sent) == (plan.reused, True, 2 * SPOT)
        await kernel.downloads.wait((await kernel.downloads.start("shelf:m", name="second")).id)
        assert server.sent == 2 * SPOT + plan.fetch
        assert (await kernel.downloads.plan("shelf:m")).fetch == 0
        assert server.sent == 2 * SPOT + plan.fetch
        assert [(await kernel.models.verify(name)).passed for name in ("m", "second")] == [True, True]


@pytest.mark.parametrize("body", [NEW, changed(NEW, HEAD + MIB)], ids=["the same weights", "others"])
async def test_what_an_ordinary_download_left_is_gone_on_with_unless_more_is_here(kernel, put, body):
    await install(kernel, put)
    arrived = 6 * MIB
    async with fault_server(body) as server:
        put("n", wanted("m.gguf", server.url, body=body))
        server.play(stall(arrived))
        job = await kernel.downloads.start("shelf:n", name="n")
        with trio.fail_after(60):
            while server.sent < arrived:
                await trio.lowlevel.checkpoint()
        await kernel.downloads.pause(job.id)
        put("m", wanted("m.gguf", server.url, body=body), revision="b" * 40)
        server.play(ok(), ok())  # what a check looks at is the same in both
        (check,) = await kernel.updates.check(["m"])
        before = server.sent
        await update(kernel, body)
        if body == NEW:
            assert server.sent - before == check.update.fetch < MIB, "as was said, and not all that was missing"
        else:
            assert server.sent - before <= len(body) - arrived + MIB, (
                "what came is other weights, so it is gone on with"
            )


async def test_d7_what_was_copied_is_repaired_by_chunks(kernel, put):
    await install(kernel, put)
    async with fault_server(NEW) as server:
        put("m", wanted("m.gguf", server.url, body=NEW), revision="b" * 40)
        await download(kernel, "shelf:m", name="second")
        (file,) = (await kernel.models.show("second")).files
        path = await (await kernel._services.storage()).locate(file.sha256)
        path.write_bytes(changed(NEW, HEAD + 5 * MIB))
        server.requests.clear()
        plan = await kernel.repairs.plan("second")
        job = await kernel.downloads.wait((await kernel.repairs.start(plan)).id)
        assert (job.state, plan.fetch, server.sent) == ("completed", 4 * MIB, 4 * MIB)
        assert path.read_bytes() == NEW


@pytest.mark.parametrize(
    ("at", "outcome", "warnings"),
    [(HEAD + 8 * MIB, "weights", 0), (HEAD + 5 * MIB, "metadata", 1)],
    ids=["where a check looks", "where nobody looks"],
)
async def test_other_weights_of_the_same_layout_are_fetched_as_ever(kernel, put, at, outcome, warnings):
    body = changed(NEW, at)
    await install(kernel, put)
    async with fault_server(body) as server:
        put("m", wanted("m.gguf", server.url, body=body), revision="b" * 40)
        (check,) = await kernel.updates.check(["m"])
        assert (check.outcome, bool(check.update.reused)) == (outcome, outcome == "metadata")
        job = await update(kernel, body)
        assert len(job.warnings) == warnings
        assert all("looked as if" in each for each in job.warnings)
        assert server.sent <= len(body) + MIB


async def test_a_server_without_ranges_gives_everything(kernel, put):
    await install(kernel, put)
    async with fault_server(NEW, default=no_range()) as server:
        put("m", wanted("m.gguf", server.url, body=NEW), revision="b" * 40)
        (check,) = await kernel.updates.check(["m"])
        assert (check.update.weights, check.update.fetch, check.update.reused) == (True, len(NEW), 0)
        assert (await update(kernel, NEW)).warnings == ()


HUGE = struct.pack("<Q", 1 << 63)


@pytest.mark.parametrize(
    "head", [b"GGUF" + struct.pack("<I", 3) + HUGE * 2, b"\xff" * 64], ids=["numbers beyond everything", "no model"]
)
async def test_a_hostile_header_is_refused_and_the_version_before_stays(kernel, put, head):
    body = head + NEW[len(head) :]
    await install(kernel, put)
    before = await kernel.models.show("m")
    async with fault_server(body) as server:
        put("m", wanted("m.gguf", server.url, body=body), revision="b" * 40)
        await kernel.updates.check(["m"])
        job = (await states(kernel, await kernel.updates.start("m")))[-1]
        assert (job.state, job.error.code) == ("failed", "ERR_FORMAT")
        assert server.sent < MIB
    assert await kernel.models.show("m") == before
    assert (await kernel.models.verify("m")).checks[0].outcome == "ok"
    (account,) = await kernel.storage.account()
    assert (account.payloads, account.staging) == (1, 0)


async def test_each_file_is_judged_by_itself(kernel, put):
    eyes, template = gguf("mmproj", WEIGHTS[: 9 * MIB]), b"{{ messages }}"
    new_eyes = gguf("a better mmproj", WEIGHTS[: 9 * MIB])
    async with fault_server(eyes) as second, fault_server(template) as third:
        beside = (
            wanted("mmproj.gguf", second.url, body=eyes, role="mmproj"),
            wanted("t.jinja", third.url, body=template, role="sidecar"),
        )
        await install(kernel, put, *beside)
    weights = changed(NEW, HEAD + 8 * MIB)
    async with fault_server(weights) as first, fault_server(new_eyes) as second, fault_server(template + b"!") as third:
        put(
            "m",
            wanted("renamed.gguf", first.url, body=weights),
            wanted("mmproj.gguf", second.url, body=new_eyes, role="mmproj"),
            wanted("t.jinja", third.url, body=template + b"!", role="sidecar"),
            revision="b" * 40,
        )
        (check,) = await kernel.updates.check(["m"])
        assert check.outcome == "weights"
        assert len(weights) < check.update.fetch < len(weights) + MIB
        await update(kernel, weights, new_eyes, template + b"!")
        assert first.sent <= len(weights) + 2 * SPOT
        assert second.sent < MIB


async def test_cancelled_amid_the_header_it_leaves_nothing_behind(kernel, put):
    await install(kernel, put)
    async with fault_server(NEW) as server:
        put("m", wanted("m.gguf", server.url, body=NEW), revision="b" * 40)
        server.play(*[ok()] * 9, stall(2000))
        job = await kernel.updates.start("m")
        async with aclosing(kernel.downloads.follow(job.id)) as changes:
            async for each in changes:
                if each.progress and each.progress.phase == "downloading":
                    break
        await kernel.downloads.cancel(job.id)
        assert (await states(kernel, job))[-1].state == "cancelled"
        (account,) = await kernel.storage.account()
        assert account.staging == 0


# It kills itself as it copies a piece, with most of the file there and nothing noted.
CHILD = """
import os, signal, sys
import trio
from papin._transfers._data import DataFile
from papin.kernel import open_kernel

at = int(sys.argv[1])
copy, sync = DataFile.copy, DataFile.sync

def counted(data, source, start, offset, count):
    done = copy(data, source, start, offset, count)
    if offset + count >= at:
        os.kill(os.getpid(), signal.SIGKILL)
    return done

def whole(data):
    sync(data)
    os.kill(os.getpid(), signal.SIGKILL)

DataFile.copy, DataFile.sync = counted, whole

async def main():
    async with open_kernel() as kernel:
        await kernel.downloads.wait((await kernel.updates.start("m")).id)

trio.run(main)
"""


@pytest.mark.parametrize("at", [1, 10 * MIB, 1 << 60], ids=["at its begin", "amid it", "before it is admitted"])
async def test_killed_as_it_copies_it_begins_anew_and_trusts_nothing_that_is_there(environ, put, tmp_path, at):
    async with open_kernel(environ=environ) as kernel:
        await install(kernel, put)
    async with fault_server(NEW) as server:
        put("m", wanted("m.gguf", server.url, body=NEW), revision="b" * 40)
        command = [sys.executable, "-c", CHILD, str(at)]
        of_child = environ | {"PYTHONPATH": str(tmp_path / "site")}
        child = await trio.run_process(command, env=of_child, check=False, capture_stderr=True)
        assert child.returncode == -signal.SIGKILL, child.stderr
        (staged,) = (tmp_path / "home").rglob("incoming/*/data")
        whole = staged.read_bytes()
        staged.write_bytes(changed(whole, HEAD + 1000))  # whatever the disk made of it
        async with open_kernel(environ=environ) as kernel:
            (check,) = await kernel.updates.check(["m"])
            assert (check.outcome, check.update.fetch < MIB) == ("metadata", True)
            assert (await update(kernel, NEW)).warnings == ()
            (account,) = await kernel.storage.account()
            assert (account.payloads, account.staging) == (2, 0)
        assert server.sent < 2 * MIB
