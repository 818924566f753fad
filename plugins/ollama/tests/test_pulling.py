"""Pulling by Ollama itself: how far it is, and everything that goes wrong in the stream."""

import pytest
import trio

from papin.errors import DiskSpace, LoginRequired, NameInvalid, NotFound, Offline, ProviderFailed, TransferTimeout
from papin.http import Http
from papin_ollama._pulling import Pulling
from papin_ollama._wire import Line

from .gguf_file import gguf
from .registry import Registry

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def layer(digest, total, completed=0):
    return Line(status=f"pulling {digest[7:19]}", digest=digest, total=total, completed=completed)


def told(lines):
    state = Pulling()
    found = [state.take(line) for line in lines]
    return [(each.phase, each.done, each.total) if each else None for each in found], state


def test_a_whole_pull():
    found, state = told(
        [
            Line(status="pulling manifest"),
            layer(A, 100),
            layer(A, 100, 40),
            layer(A, 100, 100),
            layer(B, 10),
            layer(B, 10, 10),
            Line(status="verifying sha256 digest"),
            Line(status="writing manifest"),
            Line(status="success"),
        ]
    )
    assert found == [
        None,
        ("downloading", 0, 100),
        ("downloading", 40, 100),
        ("downloading", 100, 100),
        ("downloading", 100, 110),
        ("downloading", 110, 110),
        ("verifying", 110, 110),
        ("committing", 110, 110),
        None,
    ]
    assert state.is_done


def test_numbers_that_fall_are_not_told():
    found, _ = told([layer(A, 100, 60), layer(A, 100, 20), layer(A, 100), layer(A, 100, 61)])
    assert found == [("downloading", 60, 100), None, None, ("downloading", 61, 100)]


def test_impossible_numbers_stay_within_the_total():
    found, _ = told([layer(A, 100, 1 << 62), layer(A, -5, -5), layer(B, 0, 7)])
    assert found == [("downloading", 100, 100), None, ("downloading", 100, 100)]


def test_the_same_again_is_no_news():
    found, _ = told([layer(A, 100, 10)] * 3)
    assert found == [("downloading", 10, 100), None, None]


@pytest.fixture
def registry():
    made = Registry()
    yield made
    made.close()


async def test_ollama_pulls_from_a_registry(world, registry):
    """The real one wants the blobs from another address than the one it asks."""
    weights = gguf(filling=b"pulled" * 1000)
    registry.add("library/toy", "tiny", weights)
    reports = []
    async with world.open() as session:
        await session.pull(f"http://{registry.host}/library/toy:tiny", reports.append)
        (listed,) = (await session.models()).models
    assert listed.reference == f"{registry.host}/library/toy:tiny"
    assert (listed.state, listed.files[0].size) == ("ready", len(weights))
    assert (listed.quantization, listed.parameters) == ("Q4_1", 134_520_000)
    done = [each.done for each in reports]
    assert done == sorted(done)
    assert done[-1] >= len(weights)
    assert [each.phase for each in reports][-1] in {"verifying", "committing"}


async def test_a_model_that_the_registry_does_not_have(world, registry):
    async with world.open() as session:
        with pytest.raises(NotFound, match="does not find"):
            await session.pull(f"http://{registry.host}/library/none:tiny", lambda _: None)


@pytest.mark.parametrize(
    ("lines", "kind", "words"),
    [
        (
            [{"status": "pulling manifest"}, {"error": "pull model manifest: file does not exist"}],
            NotFound,
            "does not find",
        ),
        ([{"status": "pulling manifest"}, {"error": "open x: no space left on device"}], DiskSpace, "no space for"),
        ([{"error": "pull model manifest: 401: unauthorized"}], LoginRequired, "may not fetch"),
        ([{"error": "max retries exceeded: EOF"}], ProviderFailed, "max retries exceeded"),
        ([{"status": "pulling manifest"}], ProviderFailed, "broke off"),
        ([{"status": "pulling manifest"}, "cut"], ProviderFailed, "as it should"),
        (['{"status":'], ProviderFailed, "does not understand"),
        ([{"status": 7}], ProviderFailed, "does not understand"),
        (["[" * 50_000], ProviderFailed, "does not understand"),
        (
            [{"status": "\x1b]0;owned\x07"}, {"error": "\x1b[31mbad\x1b[0m"}],
            ProviderFailed,
            r"with toy:latest:  ?\[31mbad",
        ),
    ],
)
async def test_what_goes_wrong_in_the_stream(fake, lines, kind, words):
    fake.ollama.behave(pull=lines)
    async with fake.open() as session:
        with pytest.raises(kind, match=words):
            await session.pull("toy", lambda _: None)


async def test_a_pull_that_gets_nothing_any_more_is_ended(fake):
    """Ollama goes on to say how far it is, so its silence is not what is waited for."""
    fake.ollama.behave(pull=[{"status": "pulling manifest"}, "hang"])
    reports = []
    async with fake.open(patience=0.3) as session:
        with trio.fail_after(60), pytest.raises(TransferTimeout, match="got nothing of toy:latest"):
            await session.pull("toy", reports.append)
    assert [each.done for each in reports] == [10]


async def test_a_pull_can_be_cancelled(fake):
    fake.ollama.behave(pull=["hang"])
    async with fake.open() as session:
        with trio.fail_after(60), trio.CancelScope() as scope:
            await session.pull("toy", lambda _: scope.cancel())
    assert scope.cancelled_caught


async def test_offline_ollama_is_not_told_to_reach_out(fake):
    async with fake.open(http=Http(offline=True)) as session:
        for name in ("toy", "hf.co/me/toy:Q4_K_M", "http://registry.example/me/toy"):
            with pytest.raises(Offline, match="papin is offline"):
                await session.pull(name, lambda _: None)
    assert "POST /api/pull" not in fake.ollama.get("/fake/state")["asked"]


async def test_a_name_that_is_none_is_not_sent(fake):
    async with fake.open() as session:
        with pytest.raises(NameInvalid):
            await session.pull("../toy", lambda _: None)
    assert "POST /api/pull" not in fake.ollama.get("/fake/state")["asked"]
