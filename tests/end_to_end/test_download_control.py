"""Downloads that wait in line, are paused, limited and resumed, over real connections and between real processes."""

from contextlib import aclosing

import trio

from papin.kernel import open_kernel
from papin.testing.fault_scripts import limited, ok
from papin.testing.fault_server import fault_server
from papin.testing.samples import tiny_gguf

BODY = tiny_gguf(payload=1 << 20)


async def until(kernel, job, is_so):
    async with aclosing(kernel.downloads.follow(job.id)) as changes:
        async for each in changes:
            if is_so(each):
                return each
    raise AssertionError(each)


async def test_one_at_a_time_paused_by_another_process_and_resumed(environ, papin):
    environ["PAPIN_DOWNLOADS_AT_ONCE"] = "1"
    async with (
        fault_server(BODY, default=limited(100_000)) as slow,
        fault_server(tiny_gguf(1)) as quick,
        open_kernel(environ=environ) as kernel,
    ):
        first = await kernel.downloads.start(slow.url, name="first")
        await until(kernel, first, lambda job: job.progress and job.progress.done)
        second = await kernel.downloads.start(quick.url, name="second")
        queued = await until(kernel, second, lambda job: job.state == "queued")
        assert queued.waiting == "for other downloads to end"
        await trio.to_thread.run_sync(papin, "downloads", "limit", first.id, "50kB")
        await trio.to_thread.run_sync(papin, "downloads", "pause", first.id)
        assert (await until(kernel, first, lambda job: job.state == "paused")).limit == 50_000
        assert (await kernel.downloads.wait(second.id)).model == "second"
        assert await kernel.downloads.limit(None, first.id)
    async with fault_server(BODY) as server, open_kernel(environ=environ) as kernel:
        assert (await kernel.downloads.status(first.id)).state == "paused"
        third = await kernel.downloads.start(server.url, name="third", limit=10_000_000, between="00:00-23:59")
        assert (third.limit, third.between) == (10_000_000, "00:00-23:59")
        assert (await kernel.downloads.pause(third.id)).state == "paused"
        kinds = [type(each.event).__name__ for each in await kernel.journal.events()]
        assert kinds.count("DownloadPaused") == 2


async def test_a_download_is_called_by_the_name_it_is_to_have_before_it_has_it(environ, papin):
    async with fault_server(BODY, default=limited(100_000)) as server:
        async with open_kernel(environ=environ) as kernel:
            job = await kernel.downloads.start(server.url, name="mine")
            await until(kernel, job, lambda job: job.progress and job.progress.done)

            async def said(*words):
                return await trio.to_thread.run_sync(lambda: papin("downloads", *words).stdout)

            assert await said("limit", "mine", "50kB") == f"{job.id} ({server.url}): at most 50.0 kB a second.\n"
            assert (await said("pause", "mine")).startswith(f"Paused {job.id} ")
            assert (await said("cancel", "mine")).startswith(f"Ended {job.id} ")
        server.play(*[ok()] * 8)
        done = await trio.to_thread.run_sync(lambda: papin("models", "download", "--resume", "mine"))
        assert "Installed mine" in done.stdout
        again = await trio.to_thread.run_sync(lambda: papin("models", "download", "--resume", "mine", status=1))
        assert f"{job.id} is completed" in again.stderr
        other = await trio.to_thread.run_sync(lambda: papin("models", "download", "--resume", "theirs", status=1))
        assert "There is no job called 'theirs'" in other.stderr


def test_the_limit_of_all_is_shown_and_wins_over_the_configuration(environ, papin):
    environ["PAPIN_DOWNLOAD_LIMIT"] = "3000000"
    assert papin("downloads", "limit").stdout == "All downloads together: at most 3.0 MB a second.\n"
    papin("downloads", "limit", "500kB")
    assert papin("downloads", "limit", "--json").stdout == '{"limit":500000}\n'
    papin("downloads", "limit", "none")
    assert papin("downloads", "limit").stdout == "All downloads together: no limit.\n"
