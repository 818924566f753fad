"""A model that was damaged on its disk is made whole again, and only what is damaged is fetched."""

import os
import struct
import zlib

import msgspec
import pytest
import trio

from papin.errors import Conflict, NotFound
from papin.kernel import open_kernel
from papin.models import FileSource
from papin.testing.fault_scripts import stall
from papin.testing.fault_server import fault_server
from papin.testing.samples import tiny_gguf

from .conftest import download, states, wanted

MIB = 1 << 20
CHUNK = 4 * MIB
BODY = tiny_gguf(payload=12 * MIB)


@pytest.fixture
async def kernel(environ):
    async with open_kernel(environ=environ) as kernel:
        yield kernel


@pytest.fixture
async def server():
    async with fault_server(BODY) as server:
        yield server


async def install(kernel, put, server, body=BODY):
    """Install the model `m`, as its user likes it; return where its file is."""
    put("m", wanted("m.gguf", server.url, body=body), revision="a" * 40)
    await download(kernel, "shelf:m")
    await kernel.models.edit("m", favourite=True, add_tags=["mine"])
    server.requests.clear()
    return (await path_of(kernel, "m")).resolve()


def from_file(path):
    return msgspec.structs.replace(wanted("m.gguf", body=BODY), sources=(FileSource(path=str(path)),))


async def path_of(kernel, model):
    storage = await kernel._services.storage()
    found = await kernel.models.show(model)
    return await storage.locate(found.files[0].sha256)


async def sums_of(kernel, model):
    found = await kernel.models.show(model)
    (file,) = found.files
    return await kernel._services.records.read(lambda read: read.sums(file.storage, file.sha256))


async def forget(kernel, table):
    """Make it as if everything had been brought in by a papin that kept no `sums`, or no `sources`."""
    await kernel._services.records.change(lambda write: write._connection.execute(f"DELETE FROM {table}").rowcount)


def flip(path, *places):
    with path.open("r+b") as file:
        for at in places:
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 1]))


async def is_whole(kernel, model="m"):
    checks = {check.name: check for check in (await kernel.models.verify(model)).checks}
    return checks["file integrity"].outcome == "ok"


async def repaired(kernel, model="m"):
    """Repair it; return its job."""
    changes = await states(kernel, await kernel.repairs.start(await kernel.repairs.plan(model)))
    shown = [each.progress.done for each in changes if each.progress]
    assert shown == sorted(shown)
    return changes[-1]


@pytest.mark.parametrize(("places", "chunks"), [((5,), 1), ((9 * MIB, 9 * MIB + 1), 1), ((1, 12 * MIB), 2)])
async def test_d7_of_a_payload_with_other_bits_only_the_bad_chunks_are_fetched(kernel, put, server, places, chunks):
    path = await install(kernel, put, server)
    flip(path, *places)
    check = (await kernel.models.verify("m")).checks[0]
    assert (check.outcome, check.recommendation.split(" brings")[0]) == ("failed", "papin models repair m")
    plan = await kernel.repairs.plan("m")
    last = len(BODY) - 3 * CHUNK
    expected = CHUNK if chunks == 1 else CHUNK + last
    assert (plan.fetch, [each.state for each in plan.files]) == (expected, ["damaged"])
    job = await repaired(kernel)
    assert (job.state, job.model) == ("completed", "m")
    assert server.sent == plan.fetch
    assert path.read_bytes() == BODY
    assert await is_whole(kernel)
    model = await kernel.models.show("m")
    assert (model.favourite, model.tags) == (True, ("mine",)), "what its user said of it stays"
    assert [each.staging for each in await kernel.storage.account()] == [0]


@pytest.mark.parametrize("left", [None, 0, 6 * MIB, len(BODY) + 10])
async def test_d6_what_is_shorter_longer_or_gone_comes_back(kernel, put, server, left):
    path = await install(kernel, put, server)
    if left is None:
        path.unlink()
    else:
        os.truncate(path, left)
    plan = await kernel.repairs.plan("m")
    right = 0 if not left else min(left, len(BODY)) // CHUNK * CHUNK
    right = len(BODY) if left and left > len(BODY) else right
    assert plan.fetch == len(BODY) - right
    assert (await repaired(kernel)).state == "completed"
    assert server.sent == plan.fetch
    assert path.read_bytes() == BODY


async def test_what_is_whole_is_left_alone(kernel, put, server):
    path = await install(kernel, put, server)
    before = path.stat().st_ino
    plan = await kernel.repairs.plan("m")
    assert (plan.files, plan.fetch) == ((), 0)
    with pytest.raises(Conflict):
        await kernel.repairs.start(plan)
    assert (server.sent, path.stat().st_ino) == (0, before)


async def test_two_models_of_the_same_payload_are_repaired_as_one(kernel, put, server):
    path = await install(kernel, put, server)
    put("n", wanted("n.gguf", server.url, body=BODY))
    await download(kernel, "shelf:n")
    flip(path, 5)
    assert (await repaired(kernel)).state == "completed"
    assert await is_whole(kernel, "n")
    (linked,) = await kernel._services.files.paths(await kernel.models.show("n"))
    assert linked.read_bytes() == BODY


async def test_a_repair_that_is_cut_off_leaves_what_is_there_and_goes_on_where_it_was(kernel, put, server):
    path = await install(kernel, put, server)
    flip(path, 5, 9 * MIB)
    damaged = path.read_bytes()
    server.play(stall(2 * MIB))
    job = await kernel.repairs.start(await kernel.repairs.plan("m"))
    with trio.fail_after(60):
        while server.sent < 2 * MIB:
            await trio.lowlevel.checkpoint()
    await kernel.downloads.pause(job.id)
    assert path.read_bytes() == damaged, "it stays until it can be replaced"
    assert (await kernel.downloads.wait((await kernel.downloads.resume(job.id)).id)).state == "completed"
    assert path.read_bytes() == BODY
    assert server.sent <= 2 * CHUNK + MIB


async def test_a_repair_whose_server_is_away_can_be_gone_on_with(kernel, put, server):
    path = await install(kernel, put, server)
    flip(path, 5)
    put("m", wanted("m.gguf", "http://127.0.0.1:9/m.gguf", body=BODY), revision="a" * 40)
    plan = await kernel.repairs.plan("m")
    job = await kernel.repairs.start(plan)
    await kernel.downloads.cancel(job.id)
    assert len(path.read_bytes()) == len(BODY)
    put("m", wanted("m.gguf", server.url, body=BODY), revision="a" * 40)
    assert (await kernel.downloads.wait((await kernel.downloads.resume(job.id)).id)).state == "completed"
    assert await is_whole(kernel)


async def test_a_version_that_its_catalog_has_no_more_comes_from_where_it_came_from(kernel, put, server):
    path = await install(kernel, put, server)
    flip(path, 5)
    put("m", wanted("m.gguf", "http://127.0.0.1:9/m.gguf", body=BODY[:-1]), revision="b" * 40)
    assert (await kernel.repairs.plan("m")).fetch == CHUNK
    assert (await repaired(kernel)).state == "completed"
    assert (await is_whole(kernel), server.sent, path.read_bytes() == BODY) == (True, CHUNK, True)


async def test_a_model_whose_catalog_is_gone_comes_from_where_it_came_from(kernel, put, server, tmp_path):
    path = await install(kernel, put, server)
    path.unlink()
    (tmp_path / "site" / "m.json").unlink()
    assert (await repaired(kernel)).state == "completed"
    assert (await is_whole(kernel), server.sent) == (True, len(BODY))


async def test_what_came_from_an_address_that_is_another_file_now_is_not_taken_for_it(kernel, put, server):
    path = await install(kernel, put, server)
    flip(path, 5)
    damaged = path.read_bytes()
    put("m", wanted("m.gguf", server.url, body=BODY[:-1]), revision="b" * 40)
    server.body, server.etag = BODY[:9] + b"?" + BODY[10:], '"another"'
    job = await repaired(kernel)
    assert (job.state, job.error.code) == ("failed", "ERR_DIGEST")
    assert path.read_bytes() == damaged


async def test_of_another_version_the_update_is_the_next_step(kernel, put, server):
    path = await install(kernel, put, server)
    await forget(kernel, "sources")
    flip(path, 5)
    put("m", wanted("m.gguf", server.url, body=BODY[:-1]), revision="b" * 40)
    with pytest.raises(NotFound) as caught:
        await kernel.repairs.plan("m")
    assert "papin models update m" in caught.value.next_step


async def imported(kernel, folder):
    """Import a model `mine` and damage it; return the file that it came from, which is another one than the store's."""
    mine = folder / "mine.gguf"
    mine.write_bytes(BODY)
    await kernel.downloads.wait((await kernel.downloads.import_file(mine, name="mine")).id)
    path = await path_of(kernel, "mine")
    path.unlink()
    path.write_bytes(BODY[:100])
    return mine


async def test_what_was_taken_in_from_a_file_comes_from_there_again(kernel, tmp_path):
    mine = await imported(kernel, tmp_path)
    assert (await kernel.repairs.plan("mine")).fetch == 0
    assert (await repaired(kernel, "mine")).state == "completed"
    assert await is_whole(kernel, "mine")
    assert mine.read_bytes() == BODY


async def test_what_was_taken_in_from_a_file_that_is_gone_says_how_to_go_on(kernel, tmp_path):
    (await imported(kernel, tmp_path)).unlink()
    with pytest.raises(NotFound) as caught:
        await kernel.repairs.plan("mine")
    assert "import it again" in caught.value.next_step


async def test_d7_of_what_was_taken_from_a_file_only_the_bad_chunks_are_fetched(kernel, put, server, tmp_path):
    local = tmp_path / "m.gguf"
    local.write_bytes(BODY)
    put("m", from_file(local))
    await download(kernel, "shelf:m")
    local.unlink()
    flip(await path_of(kernel, "m"), 9 * MIB)
    put("m", wanted("m.gguf", server.url, body=BODY))
    assert (await kernel.repairs.plan("m")).fetch == CHUNK
    assert (await repaired(kernel)).state == "completed"
    assert (await is_whole(kernel), server.sent) == (True, CHUNK)


async def test_of_what_is_imported_the_sums_are_kept(kernel, tmp_path):
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(BODY)
    await kernel.downloads.wait((await kernel.downloads.import_file(mine, name="mine")).id)
    expected = [zlib.crc32(BODY[at : at + CHUNK]) for at in range(0, len(BODY), CHUNK)]
    assert await sums_of(kernel, "mine") == struct.pack("<4I", *expected)


async def test_without_sums_all_of_it_is_fetched(kernel, put, server):
    path = await install(kernel, put, server)
    await forget(kernel, "sums")
    flip(path, 5)
    assert not await is_whole(kernel)
    assert await sums_of(kernel, "m") == b"", "what is damaged has none"
    assert (await kernel.repairs.plan("m")).fetch == len(BODY)
    assert (await repaired(kernel)).state == "completed"
    assert (await is_whole(kernel), server.sent) == (True, len(BODY))


async def test_d7_whoever_reads_a_payload_whole_keeps_its_sums(kernel, put, server):
    path = await install(kernel, put, server)
    sums = await sums_of(kernel, "m")
    await forget(kernel, "sums")
    assert await is_whole(kernel)
    assert await sums_of(kernel, "m") == sums
    flip(path, 5)
    assert (await repaired(kernel)).state == "completed"
    assert (await is_whole(kernel), server.sent) == (True, CHUNK)


async def test_another_copy_on_this_machine_is_taken_before_the_network(kernel, put, server, tmp_path):
    path = await install(kernel, put, server)
    (tmp_path / "again.gguf").write_bytes(BODY)
    flip(path, 5)
    put("m", from_file(tmp_path / "again.gguf"))
    assert (await kernel.repairs.plan("m")).fetch == 0
    assert (await repaired(kernel)).state == "completed"
    assert (await is_whole(kernel), server.sent) == (True, 0)


async def import_theirs(kernel, folder, **how):
    """Import `mine` from what LM Studio keeps in `folder`, and see that the sums of its chunks are kept."""
    theirs = folder / "p" / "Mine-GGUF" / "mine-Q4_0.gguf"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(BODY)
    job = await kernel.downloads.import_from("lmstudio", "p/Mine-GGUF/mine-Q4_0.gguf", name="mine", **how)
    assert (await kernel.downloads.wait(job.id)).state == "completed"
    expected = [zlib.crc32(BODY[at : at + CHUNK]) for at in range(0, len(BODY), CHUNK)]
    assert await sums_of(kernel, "mine") == struct.pack("<4I", *expected)


async def test_what_is_imported_from_a_program_can_be_repaired_from_there(environ, far):
    environ = {**environ, "PAPIN_PROVIDERS__LMSTUDIO__FOLDER": str(far / "lmstudio")}
    async with open_kernel(environ=environ) as kernel:
        await import_theirs(kernel, far / "lmstudio", copy=True)
        flip((await path_of(kernel, "mine")).resolve(), 5)
        assert (await repaired(kernel, "mine")).state == "completed"
        assert await is_whole(kernel, "mine")


async def test_what_is_imported_by_a_link_has_its_sums_as_well(environ, tmp_path):
    environ = {**environ, "PAPIN_PROVIDERS__LMSTUDIO__FOLDER": str(tmp_path / "lmstudio")}
    async with open_kernel(environ=environ) as kernel:
        await import_theirs(kernel, tmp_path / "lmstudio")
