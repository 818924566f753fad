"""Downloads of several processes: fetched once, seen by all, taken over from the dead; and what a job has to tell."""

import json
import signal
from contextlib import aclosing

import pytest
import trio

from papin.errors import Cancelled, Conflict
from papin.events import DownloadProgressed
from papin.kernel import open_kernel
from papin.testing.fault_scripts import flipped, limited, ok, refuse
from papin.testing.fault_server import fault_server
from papin.testing.samples import tiny_gguf

from .conftest import arrived, states, wanted

BODY = tiny_gguf(payload=2 << 20)


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


async def end_of(child):
    out, err = await trio.to_thread.run_sync(child.communicate)
    assert child.returncode == 0, out + err
    return lines(out)


async def test_eight_processes_fetch_it_once_and_all_see_the_progress(papin):
    gate = trio.Event()

    async def gated(exchange):
        if exchange.request.method == "GET":
            await gate.wait()
        await limited(4_000_000)(exchange)

    async with fault_server(BODY, default=gated) as server:
        children = [papin.start("models", "download", server.url, "--name", "m", "--json") for _ in range(8)]
        for child in children:
            await arrived(child, 0)
        gate.set()
        results = [await end_of(child) for child in children]
        assert server.sent <= 1.02 * len(BODY)
        assert [request.method for request in server.requests].count("GET") == 1
    for said in results:
        assert said[-1]["model"]["id"] == "m"
        jobs = [each["job"] for each in said if "job" in each]
        done = [job["progress"]["done"] for job in jobs if job["progress"]]
        assert done == sorted(done)
        assert (jobs[-1]["state"], done[-1]) == ("completed", len(BODY))
    assert len({each["job"]["id"] for said in results for each in said if "job" in each}) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
async def test_who_waits_for_a_download_goes_on_with_it_when_its_process_dies(papin, number):
    async with fault_server(BODY, default=limited(100_000)) as server:
        first = papin.start("models", "download", server.url, "--name", "m", "--json")
        await arrived(first)
        second = papin.start("models", "download", server.url, "--name", "m", "--json")
        await arrived(second, 0)
        server.play(*[ok()] * 10)
        first.send_signal(number)
        await trio.to_thread.run_sync(first.communicate)
        said = await end_of(second)
        assert said[-1]["model"]["id"] == "m"
        assert server.sent < 2 * len(BODY)
    [job] = json.loads(papin("downloads", "list", "--json").stdout)
    assert job["state"] == "completed"


async def first_of(kernel, job, wanted):
    """Return the first state of a job that is `wanted`."""
    async with aclosing(kernel.downloads.follow(job.id)) as changes:
        async for each in changes:
            if wanted(each):
                return each
    raise AssertionError("it ended before")


def waits(job):
    return job.waiting


def came(job):
    return job.progress and job.progress.done


async def test_a_download_whose_process_was_killed_is_not_shown_as_running(environ, papin):
    async with fault_server(BODY, default=limited(200_000)) as server, open_kernel(environ=environ) as kernel:
        child = papin.start("models", "download", server.url, "--json")
        await arrived(child, 50_000)
        child.kill()
        await trio.to_thread.run_sync(child.communicate)
        shown = await trio.to_thread.run_sync(lambda: papin("downloads", "list", "--json").stdout)
        [job] = json.loads(shown)
        assert job["state"] == "interrupted"
        assert (await kernel.downloads.status(job["id"])).state == "interrupted"
        assert [job.state for job in await kernel.downloads.list()] == ["interrupted"]


async def test_the_progress_of_another_process_is_on_the_bus(environ, papin):
    async with fault_server(BODY, default=limited(700_000)) as server, open_kernel(environ=environ) as kernel:
        seen = []
        with kernel.bus.subscribe() as frames:
            child = papin.start("models", "download", server.url, "--name", "m", "--json")
            async for frame in frames:
                event = frame.envelope.event
                if isinstance(event, DownloadProgressed):
                    seen.append(event.progress.done)
                if type(event).__name__ == "DownloadCompleted" or (seen and seen[-1] >= 1_500_000):
                    break
        await end_of(child)
    assert len(seen) > 1
    assert seen == sorted(seen)


async def test_a_source_that_was_wrong_is_told(environ, shelf, papin):
    async with (
        fault_server(BODY, default=flipped(at=1000)) as bad,
        fault_server(BODY) as good,
        open_kernel(environ=environ) as kernel,
    ):
        shelf("m", wanted("m.gguf", bad.url, good.url, body=BODY))
        job = (await states(kernel, await kernel.downloads.start("shelf:m")))[-1]
        assert job.state == "completed", job
        [warning] = job.warnings
        assert "a source of m.gguf was dropped" in warning
        assert str(bad.port) in warning
        events = [each.event for each in await kernel.journal.events()]
        assert [(each.job, each.message) for each in events if type(each).__name__ == "DownloadWarned"] == [
            (job.id, warning)
        ]
    assert json.loads(papin("downloads", "list", "--json").stdout)[0]["warnings"] == [warning]


async def test_a_job_that_a_server_defers_says_until_when_and_can_be_cancelled(environ, papin):
    async with (
        fault_server(BODY, default=refuse(429, retry_after="7200")) as server,
        open_kernel(environ=environ) as kernel,
    ):
        job = await kernel.downloads.start(server.url)
        each = await first_of(kernel, job, waits)
        assert each.state == "queued"
        assert each.waiting.startswith("for the server, until ")
        assert 7100 < (each.waits_until - each.created_at).total_seconds() < 7300
        listed = await trio.to_thread.run_sync(lambda: papin("downloads", "list").stdout)
        assert f"queued, waits {each.waiting}" in listed
        await trio.to_thread.run_sync(lambda: papin("downloads", "cancel", job.id))
        with pytest.raises(Cancelled):
            await kernel.downloads.wait(job.id)
        over = await kernel.downloads.status(job.id)
        assert (over.state, over.waiting, over.waits_until) == ("cancelled", "", None)


async def test_a_job_says_why_it_waits_before_it_tries_again(environ):
    async with (
        fault_server(BODY, refuse(503, retry_after="300")) as server,
        open_kernel(environ=environ) as kernel,
    ):
        job = await kernel.downloads.start(server.url)
        each = await first_of(kernel, job, waits)
        assert "to try again: " in each.waiting
        assert "status 503" in each.waiting
        assert 200 < (each.waits_until - each.created_at).total_seconds() < 400
        await kernel.downloads.cancel(job.id)


async def test_who_wants_the_same_file_by_another_name_waits_for_that_download_and_says_so(environ, shelf):
    async with fault_server(BODY, default=limited(1 << 20)) as server, open_kernel(environ=environ) as kernel:
        for name in ("a", "b"):
            shelf(name, wanted("m.gguf", server.url, body=BODY))
        first = await kernel.downloads.start("shelf:a")
        await first_of(kernel, first, came)
        second = await kernel.downloads.start("shelf:b")
        told = await states(kernel, second)
        assert f"for {first.id}, which fetches the same file" in [each.waiting for each in told]
        assert (told[-1].state, told[-1].waiting) == ("completed", "")
        assert (await kernel.downloads.status(first.id)).state == "completed"
        assert server.sent < 2 * len(BODY)


def until(shown):
    """A script that is slow until `shown` is set."""

    async def script(exchange):
        send = exchange.send

        async def paced(data):
            for at in range(0, len(data), 16384):
                await send(data[at : at + 16384])
                with trio.move_on_after(0.1):
                    await shown.wait()

        exchange.send = paced
        await ok()(exchange)

    return script


async def mirrored(child, other):
    """Read what a child says, with --json, until it shows a speed of the job `other`; return its progress until then."""

    def read():
        seen = []
        for line in child.stdout:
            job = json.loads(line).get("job")
            if job and job["progress"] and other in job["waiting"]:
                seen.append(job["progress"])
                if seen[-1]["done"] and seen[-1].get("speed"):
                    return seen
        raise AssertionError("it ended before")

    return await trio.to_thread.run_sync(read)


@pytest.mark.parametrize("known", [True, False], ids=["size known", "size unknown"])
async def test_who_waits_for_a_download_of_another_process_sees_its_progress(environ, papin, shelf, tmp_path, known):
    shown = trio.Event()
    environ["PYTHONPATH"] = str(tmp_path / "site")
    async with fault_server(BODY, default=until(shown)) as server:
        for name in ("a", "b"):
            shelf(name, wanted("m.gguf", server.url, body=BODY))
        refs = ("shelf:a", "shelf:b") if known else (server.url, server.url)
        first = papin.start("models", "download", refs[0], "--name", "a", "--json")
        await arrived(first)
        [job] = json.loads(papin("downloads", "list", "--json").stdout)
        second = papin.start("models", "download", refs[1], "--name", "b", "--json")
        seen = await mirrored(second, job["id"])
        assert {each["total"] for each in seen if each["done"]} == {len(BODY)}
        assert 0 < seen[-1]["remaining"] < 100
        shown.set()
        said = await end_of(second)
        await end_of(first)
        done = [each["done"] for each in seen]
        done += [each["job"]["progress"]["done"] for each in said if "job" in each]
        assert done == sorted(done)
        assert done[-1] == len(BODY)
        assert server.sent <= 1.02 * len(BODY)
    assert {each["state"] for each in json.loads(papin("downloads", "list", "--json").stdout)} == {"completed"}


@pytest.mark.parametrize("ends", ["the one that waits", "the one that fetches"])
async def test_either_of_two_that_want_the_same_can_be_cancelled(environ, papin, shelf, ends):
    shown = trio.Event()
    async with fault_server(BODY, default=until(shown)) as server, open_kernel(environ=environ) as kernel:
        for name in ("a", "b"):
            shelf(name, wanted("m.gguf", server.url, body=BODY))
        first = await kernel.downloads.start("shelf:a")
        await first_of(kernel, first, came)
        second = await kernel.downloads.start("shelf:b")
        each = await first_of(kernel, second, came)
        assert each.waiting.startswith(f"for {first.id}")
        ended, stays = (second, first) if ends == "the one that waits" else (first, second)
        cancelled = await kernel.downloads.cancel(ended.id)
        assert cancelled.state == "cancelled"
        assert cancelled == await kernel.downloads.status(ended.id)
        shown.set()
        last = (await states(kernel, stays))[-1]
        assert (last.state, last.progress.done) == ("completed", len(BODY))
        assert server.sent < 2 * len(BODY)


async def test_what_arrived_is_kept_by_cancel_unless_it_is_discarded(environ, papin):
    async with fault_server(BODY, default=limited(200_000)) as server, open_kernel(environ=environ) as kernel:

        async def unfinished():
            [account] = await kernel.storage.account()
            return account.staging

        child = papin.start("models", "download", server.url, "--json")
        await arrived(child, 100_000)
        [job] = await kernel.downloads.list()
        cancelled = await kernel.downloads.cancel(job.id)
        assert cancelled.state == "cancelled"
        assert cancelled == await kernel.downloads.status(job.id)
        with pytest.raises(Cancelled):
            await kernel.downloads.wait(job.id)
        assert await unfinished() >= 100_000
        with pytest.raises(Conflict):
            await kernel.downloads.cancel(job.id)
        said = await trio.to_thread.run_sync(lambda: papin("downloads", "cancel", job.id, "--discard").stdout)
        assert "What arrived is removed." in said
        assert await unfinished() == 0
        again = papin.start("models", "download", server.url, "--json")
        await arrived(again, 100_000)
        [_, job] = await kernel.downloads.list()
        assert (await kernel.downloads.cancel(job.id, discard=True)).state == "cancelled"
        assert await unfinished() == 0


async def test_pause_limit_and_resume_return_the_job_of_another_process_as_it_is_afterwards(environ, papin):
    async with fault_server(BODY, default=limited(200_000)) as server, open_kernel(environ=environ) as kernel:
        child = papin.start("models", "download", server.url, "--json")
        await arrived(child, 100_000)
        [job] = await kernel.downloads.list()
        limited_to = await kernel.downloads.limit(150_000, job.id)
        assert (limited_to.state, limited_to.limit) == ("running", 150_000)
        paused = await kernel.downloads.pause(job.id)
        assert (paused.state, paused.limit) == ("paused", 150_000)
        assert paused == await kernel.downloads.status(job.id)
        resumed = await kernel.downloads.resume(job.id, limit=200_000)
        assert (resumed.state, resumed.limit) == ("running", 200_000)
        said = await trio.to_thread.run_sync(lambda: papin("downloads", "pause", job.id, "--json").stdout)
        assert json.loads(said)["state"] == "paused"


async def test_what_arrived_is_discarded_without_asking_the_catalog(environ, papin, shelf, tmp_path):
    async with fault_server(BODY, default=limited(200_000)) as server:
        shelf("m", wanted("m.gguf", server.url, body=BODY))
        environ["PYTHONPATH"] = str(tmp_path / "site")
        child = papin.start("models", "download", "shelf:m", "--json")
        await arrived(child, 100_000)
        [job] = json.loads(papin("downloads", "list", "--json").stdout)
        await trio.to_thread.run_sync(papin, "downloads", "pause", job["id"])
    (tmp_path / "site" / "m.json").unlink()
    papin("downloads", "cancel", job["id"], "--discard", "--offline")
    async with open_kernel(environ=environ) as kernel:
        [account] = await kernel.storage.account()
        assert account.staging == 0


@pytest.mark.parametrize("ending", ["resume", "discard", "discard elsewhere"])
async def test_a_file_that_came_before_its_download_was_killed_is_used_or_goes(environ, papin, shelf, tmp_path, ending):
    other = tiny_gguf(7, payload=1 << 20)
    async with fault_server(BODY) as quick, fault_server(other, default=limited(100_000)) as slow:
        files = [wanted("m.gguf", quick.url, body=BODY), wanted("mmproj-m.gguf", slow.url, body=other, role="mmproj")]
        shelf("m", *files)
        shelf("first", files[0])
        environ["PYTHONPATH"] = str(tmp_path / "site")
        child = papin.start("models", "download", "shelf:m", "--json")
        await arrived(child, len(BODY) + 1)
        child.kill()
        await trio.to_thread.run_sync(child.wait)
        async with open_kernel(environ=environ) as kernel:
            [job] = await kernel.downloads.list()
            fetched = quick.sent
            if ending == "resume":
                await kernel.downloads.resume(job.id)
                await kernel.downloads.wait(job.id)
            elif ending == "discard elsewhere":
                second = await kernel.downloads.start("shelf:first", name="first")
                await kernel.downloads.wait(second.id)
            assert quick.sent == fetched, "what had come was fetched again"
            if ending != "resume":
                await kernel.downloads.cancel(job.id, discard=True)
            [account] = await kernel.storage.account()
            kept = {"resume": len(BODY) + len(other), "discard": 0, "discard elsewhere": len(BODY)}[ending]
            assert (account.used, account.staging) == (kept, 0)


@pytest.mark.parametrize("is_paused", [True, False])
async def test_hours_can_be_changed_when_it_goes_on(environ, papin, is_paused):
    environ["PAPIN_DOWNLOAD_BETWEEN"] = "00:00-00:01"
    async with fault_server(BODY) as server, open_kernel(environ=environ) as kernel:
        job = await kernel.downloads.start(server.url, name="m")
        each = await first_of(kernel, job, waits)
        assert each.waiting == "until 00:00 tomorrow"
        with pytest.raises(Conflict):
            await kernel.downloads.resume(job.id)
        if is_paused:
            await kernel.downloads.pause(job.id)
        resumed = ["downloads", "resume", job.id, "--between", "always", "--limit", "50MB"]
        await trio.to_thread.run_sync(lambda: papin(*resumed))
        done = await kernel.downloads.status(job.id)
        assert (done.state, done.between, done.limit) == ("completed", "always", 50_000_000)
