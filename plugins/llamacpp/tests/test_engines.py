"""Engines from beginning to end, driven through a real host and a llama-server that fails on demand."""

import os
import signal
import stat

import msgspec
import psutil
import pytest
import trio

from papin.errors import EngineMissing, LoadFailed, OutOfMemory, ProviderFailed, StorageFailed
from papin.models import LoadSettings
from papin.providers import capabilities

from .conftest import ended, text_of

pytestmark = pytest.mark.usefixtures("fake_server")


async def test_it_reports_loads_and_chats(world, fake_server):
    async with world.open() as session:
        assert capabilities(session) == ("reports", "loads", "chats", "completes", "embeds", "measures")
        engine = await session.engine()
        assert engine.name == "llama-server"
        assert engine.path == str(fake_server)
    assert world.engine_files() == []


async def test_an_answer_streams_and_ends_with_timings(world):
    async with world.open() as session:
        loaded = await session.load(world.toy(), LoadSettings())
        replies = await text_of(session, loaded)
        assert "".join(reply.text for reply in replies) == "Light is scattered."
        assert replies[-1].finish_reason == "stop"
        assert replies[-1].timings.predicted_n == 4
        (again,) = await session.loaded()
        assert again == msgspec.structs.replace(loaded, answering=0, memory=again.memory, expires_at=again.expires_at)
        assert await session.unload("toy") is True
        assert await session.loaded() == []
        assert await session.unload("toy") is False
    assert world.events == [], "who asked knows"
    assert world.engine_files() == []


async def test_what_lies_on_disk_is_for_the_user_only_and_the_key_is_told_nobody(world):
    async with world.open() as session:
        loaded = await session.load(world.toy(), LoadSettings())
        for path in world.run.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        (record,) = [msgspec.json.decode(path.read_bytes()) for path in world.run.glob("*.json")]
        key = record["key"]
        assert not list(world.run.glob("*.key"))
        assert key not in msgspec.json.encode(loaded).decode()
        assert key not in repr(world.events)
        for process in world.processes():
            assert key not in " ".join(process.cmdline())
            assert key not in str(process.environ())
        await session.unload("toy")


async def test_unloading_ends_every_process(world):
    async with world.open() as session:
        loaded = await session.load(world.toy(), LoadSettings())
        pids = [loaded.pid, *[child.pid for child in psutil.Process(loaded.pid).children()]]
        assert len(pids) == 2
        await session.unload("toy")
        for pid in pids:
            await ended(pid)


async def test_a_second_session_uses_the_same_engine(world):
    toy = world.toy()
    async with world.open() as first, world.open() as second:
        loaded = await first.load(toy, LoadSettings())
        again = await second.load(toy, LoadSettings())
        assert (again.pid, again.address) == (loaded.pid, loaded.address)
        assert await text_of(second, again)
        assert await second.unload("toy") is True
        assert await first.loaded() == []


async def test_two_loads_at_once_make_one_engine(world):
    toy = world.toy()
    found = []

    async def load(session):
        found.append((await session.load(toy, LoadSettings())).pid)

    async with world.open() as first, world.open() as second:
        async with trio.open_nursery() as nursery:
            for session in (first, second, first, second):
                nursery.start_soon(load, session)
        assert len(set(found)) == 1
        await first.unload("toy")


async def test_other_settings_load_it_anew_and_the_same_do_not(world):
    toy = world.toy()
    async with world.open() as session:
        loaded = await session.load(toy, LoadSettings(n_ctx=1024))
        assert loaded.n_ctx == 1024
        assert (await session.load(toy, LoadSettings())).pid == loaded.pid
        assert (await session.load(toy, LoadSettings(n_ctx=1024))).pid == loaded.pid
        other = await session.load(toy, LoadSettings(n_ctx=2048))
        assert other.n_ctx == 2048
        assert other.pid != loaded.pid
        assert [event.reason for event in world.events] == ["asked"]
        assert len(await session.loaded()) == 1
        await session.unload("toy")


async def test_another_file_of_the_same_id_is_loaded_anew(world):
    toy = world.toy()
    async with world.open() as session:
        loaded = await session.load(toy, LoadSettings())
        file = msgspec.structs.replace(toy.files[0], sha256="c" * 64)
        other = await session.load(msgspec.structs.replace(toy, files=(file,)), LoadSettings())
        assert other.pid != loaded.pid
        await session.unload("toy")


async def test_the_context_is_no_longer_than_the_model_was_trained_for(world):
    toy = msgspec.structs.replace(world.toy(), context_length=512)
    async with world.open() as session:
        assert (await session.load(toy, LoadSettings())).n_ctx == 512
        await session.unload("toy")


async def test_keep_alive_can_be_changed_without_loading(world):
    toy = world.toy()
    async with world.open() as session:
        loaded = await session.load(toy, LoadSettings(keep_alive=4))
        assert 3 < (loaded.expires_at - loaded.loaded_at).total_seconds() <= 5
        forever = await session.load(toy, LoadSettings(keep_alive=-1))
        assert (forever.pid, forever.expires_at) == (loaded.pid, None)
        await session.load(toy, LoadSettings(keep_alive=0.2))
        await ended(loaded.pid)


async def test_an_idle_engine_ends_by_itself_and_says_so(world):
    async with world.open() as session:
        loaded = await session.load(world.toy(), LoadSettings(keep_alive=0.2))
        await ended(loaded.pid)
        with trio.fail_after(60):
            while not world.events:
                await trio.testing.wait_all_tasks_blocked(0.01)
        assert world.events[-1].reason == "idle"
        assert await session.loaded() == []
    assert world.engine_files() == []


async def test_a_keep_alive_of_zero_ends_after_the_answer(world):
    async with world.open() as session:
        loaded = await session.load(world.toy(), LoadSettings(keep_alive=0))
        assert await text_of(session, loaded)
        await ended(loaded.pid)


async def test_an_engine_that_answers_is_not_idle(world):
    async with world.open() as session:
        toy = world.toy(answer="hang")
        loaded = await session.load(toy, LoadSettings(keep_alive=600))
        async with session.chat(loaded, [], {}) as replies:
            await anext(replies)
            await session.load(toy, LoadSettings(keep_alive=0.1))
            # The host looks many times while this waits for something that never comes.
            with trio.move_on_after(0.6):
                await anext(replies)
            assert await session.loaded() != []
            os.kill(loaded.pid, 0)
        await session.unload("toy")


@pytest.mark.parametrize("gone", [".json", ".use", "all"])
async def test_an_engine_whose_files_vanish_ends(world, gone):
    async with world.open(keep_alive=0.5) as session:
        loaded = await session.load(world.toy(), LoadSettings())
        for path in world.run.iterdir():
            if gone in {path.suffix, "all"}:
                path.unlink()
        await ended(loaded.pid)


@pytest.mark.parametrize(
    ("load", "kind", "words"),
    [
        ("refuse", LoadFailed, "failed to read key-value pairs"),
        ("crash", LoadFailed, "SIGABRT"),
        ("memory", OutOfMemory, "failed to allocate buffer"),
        ("killed", OutOfMemory, "SIGKILL"),
    ],
)
async def test_a_failed_load_says_why_and_leaves_nothing(world, load, kind, words):
    async with world.open() as session:
        with pytest.raises(kind) as caught:
            await session.load(world.toy(load=load), LoadSettings())
        assert words in caught.value.message
        assert caught.value.next_step
        assert str(world.folder) not in caught.value.message
        assert await session.loaded() == []
    assert world.engine_files() == []


async def test_a_port_that_somebody_takes_first_is_replaced(world):
    async with world.open() as session:
        loaded = await session.load(world.toy(load="port"), LoadSettings())
        assert loaded.address != f"http://127.0.0.1:{(world.folder / 'toy.gguf.port').read_text()}"
        await session.unload("toy")


async def test_a_cancelled_load_leaves_no_process(world):
    async with world.open() as session, trio.open_nursery() as nursery:
        nursery.start_soon(session.load, world.toy(load="hang"), LoadSettings())
        while not (found := [each for each in world.processes() if "--alias" in each.cmdline()]):
            await trio.testing.wait_all_tasks_blocked(0.01)
        nursery.cancel_scope.cancel()
    await ended(found[0].pid)
    assert world.engine_files() == []


async def test_who_waits_for_a_load_can_give_up(world):
    toy = world.toy(load="hang")
    async with world.open() as session, trio.open_nursery() as nursery:
        nursery.start_soon(session.load, toy, LoadSettings())
        while not world.processes():
            await trio.testing.wait_all_tasks_blocked(0.01)
        with trio.move_on_after(0.1) as scope:
            await session.load(toy, LoadSettings())
        assert scope.cancelled_caught
        nursery.cancel_scope.cancel()


async def test_a_missing_engine_says_what_to_install(world, monkeypatch):
    monkeypatch.setenv("PATH", str(world.folder))
    async with world.open() as session:
        with pytest.raises(EngineMissing) as caught:
            await session.engine()
        assert "xllamacpp" in caught.value.next_step
        with pytest.raises(EngineMissing):
            await session.load(world.toy(), LoadSettings())


async def test_a_program_that_cannot_be_started_is_a_missing_engine(world, fake_server):
    fake_server.write_text("#!/nowhere/at/all\n")
    async with world.open() as session:
        with pytest.raises(EngineMissing):
            await session.load(world.toy(), LoadSettings())
    assert world.engine_files() == []


async def test_a_run_folder_that_cannot_be_written_is_a_storage_error(world):
    toy = world.toy()
    async with world.open() as session:
        world.run.rmdir()
        world.run.touch()
        with pytest.raises(StorageFailed):
            await session.load(toy, LoadSettings())
    assert world.events == []


async def test_a_killed_host_takes_its_server_along_and_the_next_load_works(world):
    toy = world.toy()
    async with world.open() as session:
        loaded = await session.load(toy, LoadSettings())
        (child,) = psutil.Process(loaded.pid).children()
        os.kill(loaded.pid, signal.SIGKILL)
        await ended(loaded.pid)
        await ended(child.pid)
        again = await session.load(toy, LoadSettings())
        assert again.pid != loaded.pid
        assert await text_of(session, again)
        assert len(list(world.run.glob("*.json"))) == 1
        await session.unload("toy")
    assert [event.reason for event in world.events] == ["gone"]


async def test_a_crash_in_the_middle_of_an_answer_is_told_with_the_log(world):
    async with world.open() as session:
        loaded = await session.load(world.toy(answer="crash"), LoadSettings())
        with pytest.raises(ProviderFailed) as caught:
            await text_of(session, loaded)
        assert "died" in caught.value.message
        assert "GGML_ASSERT" in caught.value.message
        assert [event.reason for event in world.events] == ["gone"], "whoever got the error may leave now"
        assert await session.loaded() == []
        with pytest.raises(ProviderFailed):
            await text_of(session, loaded)
    assert len(world.events) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("stop", "stopped in the middle"),
        ("rubbish", "something that is no answer"),
        ("too_long", "longer than the 4096 tokens"),
        ("error", "the slot was lost"),
    ],
)
async def test_a_bad_answer_is_an_error_and_the_engine_lives_on(world, answer, words):
    async with world.open() as session:
        loaded = await session.load(world.toy(answer=answer), LoadSettings())
        with pytest.raises(ProviderFailed) as caught:
            await text_of(session, loaded)
        assert words in caught.value.message
        assert len(await session.loaded()) == 1
        await session.unload("toy")


async def test_leaving_an_answer_early_is_quiet(world):
    async with world.open() as session:
        loaded = await session.load(world.toy(answer="hang"), LoadSettings())
        async with session.chat(loaded, [], {}) as replies:
            assert (await anext(replies)).text == "Light"
        await session.unload("toy")
