"""What a download says before its first byte, over real connections: sizes, what is here, what fits; and what it asks."""

import json
from contextlib import aclosing

import pytest
import trio

from papin.errors import DiskSpace, LoginRequired, NotFound
from papin.kernel import open_kernel
from papin.testing.fault_scripts import cut, limited, no_length, ok, refuse, web_page
from papin.testing.fault_server import fault_server
from papin.testing.samples import sha256_of, tiny_gguf

from .conftest import states, wanted

BODY = tiny_gguf(payload=1 << 20)


def asked(server):
    return [(request.method, request.headers.get("range")) for request in server.requests]


def stored(home):
    return {str(path) for path in (home / "data/storages").rglob("*")}


async def finished(kernel, ref, **more):
    job = await kernel.downloads.start(ref, **more)
    return await kernel.downloads.wait(job.id)


async def test_an_address_is_asked_for_its_size_and_nothing_is_written(environ, home):
    async with fault_server(BODY) as server, open_kernel(environ=environ) as kernel:
        await kernel.storage.account()
        before = stored(home)
        plan = await kernel.downloads.plan(server.url)
        assert (plan.size, plan.fetch, plan.fits, plan.model) == (len(BODY), len(BODY), True, "model")
        [space] = plan.spaces
        assert space.path == str(home / "data/storages/store")
        assert 0 < space.usable == space.free - space.reserve == plan.free
        assert asked(server) == [("HEAD", None)]
        assert stored(home) == before
        assert await kernel.downloads.list() == ()


@pytest.mark.parametrize("script", [refuse(405), refuse(403), refuse(404), no_length()])
async def test_a_server_that_does_not_answer_head_is_asked_for_one_byte(environ, script):
    async with fault_server(BODY, script) as server, open_kernel(environ=environ) as kernel:
        assert (await kernel.downloads.plan(server.url)).size == len(BODY)
        assert asked(server) == [("HEAD", None), ("GET", "bytes=0-0")]
        assert server.requests[1].sent <= 1


@pytest.mark.parametrize(
    ("scripts", "error"),
    [
        ([refuse(404), refuse(404)], NotFound),
        ([refuse(401), refuse(401)], LoginRequired),
        ([web_page()], LoginRequired),
    ],
)
async def test_what_cannot_be_had_is_told_before_there_is_a_job(environ, papin, scripts, error):
    async with fault_server(BODY, *scripts, *scripts) as server:
        async with open_kernel(environ=environ) as kernel:
            with pytest.raises(error):
                await kernel.downloads.plan(server.url)
        failed = await trio.to_thread.run_sync(lambda: papin("models", "download", server.url, status=1))
    assert error.code in failed.stderr
    assert json.loads(papin("downloads", "list", "--json").stdout) == []


async def test_a_server_that_is_busy_now_leaves_the_size_unknown(environ):
    async with fault_server(BODY, refuse(503), refuse(503)) as server, open_kernel(environ=environ) as kernel:
        plan = await kernel.downloads.plan(server.url)
        assert (plan.size, plan.fetch, plan.fits) == (None, None, True)


async def test_what_arrived_counts(environ):
    digest = sha256_of(BODY)
    async with fault_server(BODY, cut(at=600_000), refuse(400)) as server, open_kernel(environ=environ) as kernel:
        job = await kernel.downloads.start(server.url, sha256=digest)
        assert (await states(kernel, job))[-1].state == "failed"
        plan = await kernel.downloads.plan(server.url, sha256=digest)
        assert 0 < plan.files[0].partial <= 600_000
        assert plan.fetch == len(BODY) - plan.files[0].partial


async def test_what_does_not_fit_is_refused_with_all_numbers_and_before_a_byte(environ, papin):
    environ["PAPIN_STORAGES__STORE__LIMIT"] = "1000000"
    async with fault_server(BODY) as server:
        async with open_kernel(environ=environ) as kernel:
            plan = await kernel.downloads.plan(server.url)
            assert (plan.fits, plan.spaces[0].limit, plan.spaces[0].usable) == (False, 1_000_000, 1_000_000)
        dry = await trio.to_thread.run_sync(lambda: papin("models", "download", server.url, "--dry-run"))
        assert "It does not fit." in dry.stdout
        failed = await trio.to_thread.run_sync(lambda: papin("models", "download", server.url, status=1))
        assert "ERR_DISK_SPACE" in failed.stderr
        assert "of the limit of 1.0 MB used" in failed.stderr
        assert not server.sent


async def test_a_model_of_several_files_that_does_not_fit_begins_none_of_them(environ, shelf):
    environ["PAPIN_STORAGES__STORE__LIMIT"] = "1500000"
    async with fault_server(BODY) as server, open_kernel(environ=environ) as kernel:
        shelf("pair", *(wanted(f"{name}.gguf", f"{server.origin}/{name}") for name in ("one", "two")))
        with pytest.raises(DiskSpace):
            await finished(kernel, "shelf:pair")
        assert not server.sent


async def test_a_model_is_one_job_with_a_true_total_and_shares_what_another_has(environ, shelf):
    extra, readme = tiny_gguf(5, payload=1 << 19), b"# Read me\n"
    async with (
        fault_server(BODY) as weights,
        fault_server(extra) as mmproj,
        fault_server(readme) as card,
        open_kernel(environ=environ) as kernel,
    ):
        await finished(kernel, weights.url, name="first")
        before = len(weights.requests)
        shelf(
            "whole",
            wanted("w.gguf", weights.url, body=BODY),
            wanted("mmproj.gguf", mmproj.url, role="mmproj"),
            wanted("README.md", card.url, role="sidecar"),
        )
        plan = await kernel.downloads.plan("shelf:whole")
        assert [(file.present, file.shared_with) for file in plan.files] == [(len(BODY), ("first",)), (0, ()), (0, ())]
        assert plan.size == len(BODY) + len(extra) + len(readme)
        assert plan.fetch == len(extra) + len(readme)
        job = await kernel.downloads.start("shelf:whole")
        totals, done = set(), []
        for each in await states(kernel, job):
            if each.progress and each.progress.phase in ("downloading", "verifying", "committing"):
                totals.add(each.progress.total)
                done.append(each.progress.done)
        assert each.state == "completed", each
        assert totals == {plan.size}
        assert done == sorted(done)
        assert done[-1] == plan.size
        assert len(weights.requests) == before
        assert [file.role for file in (await kernel.models.show("whole")).files] == ["weights", "mmproj", "sidecar"]


async def test_the_same_address_again_asks_for_none_of_its_bytes(environ):
    async with fault_server(BODY) as server, open_kernel(environ=environ) as kernel:
        first = await finished(kernel, server.url)
        sent = server.sent
        assert (await kernel.models.show(first.model)).revision == "v1"
        plan = await kernel.downloads.plan(server.url)
        assert (plan.installed, plan.fetch) == (first.model, 0)
        assert (await finished(kernel, server.url)).model == first.model
        twin = await finished(kernel, server.url, name="twin")
        assert twin.model == "twin"
        assert server.sent == sent
        assert [method for method, _ in asked(server)].count("GET") == 1


async def test_the_same_address_with_another_file_is_fetched(environ):
    async with fault_server(BODY) as server, open_kernel(environ=environ) as kernel:
        first = await finished(kernel, server.url)
        server.body, server.etag = tiny_gguf(7), '"v2"'
        plan = await kernel.downloads.plan(server.url)
        assert (plan.installed, plan.fetch) == ("", len(server.body))
        assert (await finished(kernel, server.url)).model != first.model


async def test_a_job_that_goes_on_never_shows_less_than_before(environ):
    digest = sha256_of(BODY)
    async with fault_server(BODY, default=limited(500_000)) as server:
        async with open_kernel(environ=environ) as kernel:
            job = await kernel.downloads.start(server.url, sha256=digest)
            async with aclosing(kernel.downloads.follow(job.id)) as changes:
                async for each in changes:
                    if each.progress and each.progress.done >= 300_000:
                        break
            paused = await kernel.downloads.pause(job.id)
            assert paused.progress
        server.play(*[ok()] * 3)
        async with open_kernel(environ=environ) as kernel:
            await kernel.downloads.resume(job.id)
            seen = await states(kernel, job)
            done = [each.progress.done for each in seen]
            assert done[0] >= paused.progress.done
            assert done == sorted(done)
            assert (seen[-1].state, done[-1]) == ("completed", len(BODY))
