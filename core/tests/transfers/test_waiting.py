"""Rows N10-N12, N16-N18, N29, N33, N36: servers that are busy, slow, silent or forgetful are waited for, within bounds."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest
import trio
import trio.testing

from papin.errors import LoginRequired, PapinError, TooManyRequests, TransferFailed, TransferTimeout
from papin.testing.fault_scripts import cut, ok, redirect, refuse, short, silent, stall, trickle
from papin.testing.fault_server import fault_server

from .conftest import MIB

HALF = 4 * MIB
UNPLUGGED = Path(__file__).with_name("unplugged.py")


async def test_n3_resets_that_bring_nothing_end_in_an_error(task, jumping_clock):
    async with fault_server(task.body, default=cut(0)) as server:
        with pytest.raises(TransferFailed) as caught:
            await task.fetch(server)
    assert len(server.requests) == 6
    assert "goes on where it stopped" in caught.value.next_step


@pytest.mark.parametrize("status", [503, 429])
async def test_n10_n11_a_busy_server_is_waited_for(task, jumping_clock, status):
    async with fault_server(task.body, *[refuse(status, retry_after="1")] * 2) as server:
        began = trio.current_time()
        await task.fetch(server)
        assert 2 <= trio.current_time() - began < 10
    assert len(server.requests) == 3


async def test_n12_a_server_that_wants_years_is_not_waited_for(task, jumping_clock):
    async with fault_server(task.body, cut(HALF), refuse(503, retry_after="999999999")) as server:
        began = trio.current_time()
        with pytest.raises(TooManyRequests, match="come back in") as caught:
            await task.fetch(server)
        assert trio.current_time() - began < 60
    assert "goes on where it stopped" in caught.value.next_step
    assert task.staged > 0


async def test_n16_a_trickle_is_a_stall(task, jumping_clock):
    async with fault_server(task.body, trickle(HALF, rate=200)) as server:
        began = trio.current_time()
        await task.fetch(server)
        assert trio.current_time() - began < 120
    assert server.sent <= 1.02 * len(task.body)


async def test_n16_a_server_that_gives_a_byte_at_a_time_is_not_asked_for_ever(task, jumping_clock):
    async with fault_server(task.body, cut(HALF), default=short(1)) as server:
        began = trio.current_time()
        with pytest.raises(TransferFailed, match="no more than 1 B at a time"):
            await task.fetch(server)
        assert trio.current_time() - began < 600
    assert len(server.requests) < 100


async def test_a_server_that_gives_small_parts_is_asked_until_it_has_given_all(task):
    async with fault_server(task.body, cut(HALF), default=short(100_000)) as server:
        await task.fetch(server)
    assert server.sent <= 1.02 * len(task.body)


async def test_n17_silence_in_the_middle(case, clock):
    async with case.meets(stall(len(case.body) * 3 // 4)) as server:
        began = trio.current_time()
        await case.fetch(server)
        assert trio.current_time() - began < 120
    assert case.is_frugal(server)


async def test_n17_silence_at_half_costs_no_byte(task, jumping_clock):
    async with fault_server(task.body, stall(HALF)) as server:
        await task.fetch(server)
    assert server.sent == len(task.body)


async def test_n17_silence_is_told_once_and_is_over_when_something_comes(task, jumping_clock):
    async with fault_server(task.body, stall(HALF)) as server:
        await task.fetch(server)
    told = [each.silent_since for each in task.progress]
    [silence] = [each for each in task.progress if each.silent_since is not None]
    assert (silence.phase, silence.done, silence.speed, silence.remaining) == ("downloading", HALF, 0.0, None)
    assert told[-1] is None


async def test_n17_silence_for_ever_ends_in_an_error(task, jumping_clock):
    async with fault_server(task.body, default=stall(HALF)) as server:
        with pytest.raises(TransferTimeout):
            await task.fetch(server)
    assert task.staged == HALF
    assert server.sent == HALF


async def test_n33_a_name_that_is_not_found_for_a_minute(task, resolver, jumping_clock):
    failure = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    resolver.answers["hub.example"] = [["127.0.0.1"], *[failure] * 9, ["127.0.0.1"]]
    async with fault_server(task.body, cut(HALF)) as server:
        await task.fetch(f"http://hub.example:{server.port}/m")
    assert server.sent <= 1.02 * len(task.body)


async def test_n33_a_name_that_never_led_anywhere_is_given_up_soon(task, resolver, jumping_clock):
    began = trio.current_time()
    with pytest.raises(TransferFailed, match="could not be resolved"):
        await task.fetch("http://hub.example/m")
    assert trio.current_time() - began < 20


async def test_n18_no_answer_at_all(task, jumping_clock):
    async with fault_server(task.body, silent()) as server:
        await task.fetch(server)
    assert server.sent == len(task.body)


async def test_n18_never_an_answer(task, jumping_clock):
    async with fault_server(task.body, default=silent()) as server:
        with pytest.raises(TransferTimeout, match="did not answer"):
            await task.fetch(server)
    assert len(server.requests) == 6


async def test_n29_a_signed_address_that_expires_is_asked_for_again(task, jumping_clock):
    first, second = redirect("/a?signature=canary1"), redirect("/b?signature=canary2")
    async with fault_server(task.body, first, cut(HALF), first, refuse(403), second, ok()) as server:
        await task.fetch(server)
    assert server.requests[-1].target.startswith("/b")
    assert server.sent <= 1.02 * len(task.body)


async def test_n29_a_refusal_without_that_is_final_and_says_nothing_of_the_signature(task):
    async with fault_server(task.body, redirect("/a?signature=canary"), refuse(403)) as server:
        with pytest.raises(LoginRequired) as caught:
            await task.fetch(server)
    assert "canary" not in str(caught.value)
    assert len(server.requests) == 2


async def test_what_came_before_a_failure_is_not_fetched_again(task, jumping_clock):
    async with fault_server(task.body, cut(HALF), refuse(400)) as server:
        with pytest.raises(PapinError):
            await task.fetch(server)
        await task.fetch(server)
    assert server.sent <= 1.02 * len(task.body)


async def test_a_cancelled_download_goes_on_to_the_byte(task):
    async with fault_server(task.body, stall(HALF)) as server:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                @nursery.start_soon
                async def cancel_in_the_silence():
                    while server.sent < HALF:
                        await trio.testing.wait_all_tasks_blocked(0.01)
                    await trio.testing.wait_all_tasks_blocked(0.05)
                    scope.cancel()

                await task.fetch(server)
        assert scope.cancelled_caught
        await task.fetch(server)
    assert server.sent == len(task.body)


@pytest.mark.parametrize("script", [stall(0), stall(3 * MIB), silent()], ids=["headers", "body", "nothing"])
async def test_a_cancel_ends_it_within_a_second_and_keeps_what_came(task, script):
    reached = trio.Event()

    async def telling(exchange):
        reached.set()
        await (ok() if task.is_over else script)(exchange)

    task.is_over = False
    async with fault_server(task.body, default=telling) as server:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(task.fetch, server)
            await reached.wait()
            with trio.fail_after(1):
                nursery.cancel_scope.cancel()
                await trio.lowlevel.checkpoint_if_cancelled()
        task.is_over = True
        await task.fetch(server)


@pytest.mark.faults
async def test_n36_a_cable_that_is_unplugged_for_a_minute(tmp_path):
    words = ["unshare", "-n", sys.executable, str(UNPLUGGED), str(tmp_path)]
    done = await trio.run_process(words, check=False, capture_stdout=True, capture_stderr=True)
    if b"unshare" in done.stderr or b"RTNETLINK" in done.stderr:
        pytest.skip(f"needs a network namespace: {done.stderr.decode()}")
    assert done.returncode == 0, done.stderr.decode()
    said = json.loads(done.stdout)
    assert said["down"] >= 60
    assert said["sent"] <= 1.02 * said["size"]
