"""Downloads that want the same file of which nobody knows the digest, at the same moment: it is fetched once."""

from contextlib import aclosing

import pytest
import trio

from papin.kernel import open_kernel
from papin.testing.fault_scripts import limited, ok
from papin.testing.fault_server import fault_server
from papin.testing.samples import tiny_gguf

from .conftest import states, wanted

BODY = tiny_gguf(payload=1 << 10)


async def both(kernel, refs):
    """Begin downloads of both at once, and return how they ended."""
    ended = []

    async def one(ref, name):
        job = await kernel.downloads.start(ref, name=name)
        ended.append((await states(kernel, job))[-1])

    async with trio.open_nursery() as nursery:
        for name, ref in zip("ab", refs, strict=True):
            nursery.start_soon(one, ref, name)
    return ended


@pytest.mark.parametrize("where", ["an address", "a catalog"])
async def test_two_that_meet_within_milliseconds_fetch_it_once(environ, shelf, where):
    async with fault_server(BODY) as server, open_kernel(environ=environ) as kernel:
        for number in range(8):
            url = f"{server.url}?{number}"
            for name in "ab":
                shelf(name, wanted("m.gguf", url))
            refs = (url, url) if where == "an address" else ("shelf:a", "shelf:b")
            assert [job.state for job in await both(kernel, refs)] == ["completed"] * 2
            for name in "ab":
                await kernel.models.remove(name)
        assert server.sent == 8 * len(BODY)


async def test_what_another_job_fetched_is_kept_for_who_took_it(environ, shelf):
    other = tiny_gguf(7, payload=1 << 10)
    may_go = {"m": trio.Event(), "other": trio.Event()}

    def when(name):
        async def script(exchange):
            if exchange.request.method == "GET":
                await may_go[name].wait()
            await ok()(exchange)

        return script

    async with (
        fault_server(BODY, default=when("m")) as server,
        fault_server(other, default=when("other")) as slow,
        open_kernel(environ=environ) as kernel,
    ):
        shelf("a", wanted("m.gguf", server.url))
        shelf("b", wanted("m.gguf", server.url), wanted("mmproj-m.gguf", slow.url, role="mmproj"))
        first = await kernel.downloads.start("shelf:a", name="a")
        while not server.requests:
            await trio.lowlevel.checkpoint()
        second = await kernel.downloads.start("shelf:b", name="b")
        may_go["m"].set()
        await kernel.downloads.wait(first.id)
        while not any(each.method == "GET" for each in slow.requests):
            await trio.lowlevel.checkpoint()
        plan = await kernel.models.plan_removal("a")
        assert (plan.frees, [each.reason for each in plan.keeps]) == (0, [f"the download {second.id} uses it too"])
        assert (await kernel.models.remove("a")).frees == 0
        may_go["other"].set()
        assert (await kernel.downloads.wait(second.id)).model == "b"
        assert server.sent == len(BODY)


@pytest.mark.parametrize("is_known", [True, False], ids=["its digest known", "its digest unknown"])
async def test_what_is_removed_as_it_is_taken_is_fetched_again(environ, shelf, is_known):
    async with fault_server(BODY) as server, open_kernel(environ=environ) as kernel:
        for name in "ab":
            shelf(name, wanted("m.gguf", server.url, body=BODY if is_known else None))
        await kernel.downloads.wait((await kernel.downloads.start("shelf:a", name="a")).id)
        (file,) = (await kernel.models.show("a")).files
        async with kernel._services.committing():
            job = await kernel.downloads.start("shelf:b", name="b")
            async with aclosing(kernel.downloads.follow(job.id)) as changes:
                async for each in changes:
                    # Of the model: each file has that phase too, before it is in the store.
                    if each.progress and each.progress.phase == "committing" and not each.progress.file:
                        break
            # As another process does that had looked who wants it before this job said so.
            await kernel._services.records.change(lambda write: write.remove_model("a"))
            assert await (await kernel._services.storage()).remove(file.sha256) == len(BODY)
        shown = [each.progress.done for each in await states(kernel, job) if each.progress]
        assert shown == sorted(shown)
        assert (await kernel.downloads.status(job.id)).model == "b"
        assert (await kernel.models.verify("b")).checks[0].outcome == "ok"
        assert server.sent == (2 if is_known else 3) * len(BODY)


async def test_who_comes_when_it_is_there_and_its_model_is_not_recorded_yet_takes_it(environ, shelf):
    other = tiny_gguf(7, payload=1 << 20)
    async with (
        fault_server(BODY) as server,
        fault_server(other, default=limited(100_000)) as slow,
        open_kernel(environ=environ) as kernel,
    ):
        shelf("a", wanted("m.gguf", server.url), wanted("mmproj-m.gguf", slow.url, role="mmproj", body=other))
        shelf("b", wanted("m.gguf", server.url))
        first = await kernel.downloads.start("shelf:a", name="a")
        while not slow.sent:
            await trio.lowlevel.checkpoint()
        second = await kernel.downloads.start("shelf:b", name="b")
        assert (await kernel.downloads.wait(second.id)).model == "b"
        assert (await kernel.downloads.cancel(first.id, discard=True)).state == "cancelled"
        assert server.sent == len(BODY)
        assert (await kernel.models.verify("b")).checks[0].outcome == "ok"
