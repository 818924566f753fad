"""The catalog against a hub that answers as the real one does, and worse."""

import json

import pytest

from papin.errors import LoginRequired, NotFound, Offline, PapinError, TooManyRequests, TransferFailed
from papin.query import Filter, Query
from papin_huggingface._settings import HubSettings, endpoint_of

from .conftest import TINY
from .fake_hub import HEX, lfs, plain, repository

NAME = "acme/Tiny-8B-GGUF"


async def everything(session, state=""):
    pages = []
    while not pages or pages[-1].more:
        pages.append(await session.refresh(pages[-1].state if pages else state))
    return pages


def names_of(pages):
    return {entry.name for page in pages for entry in page.entries}


# --- one repository


async def test_the_files_of_a_repository_are_its_builds(opened, hub):
    async with opened() as session:
        entry = await session.entry(NAME)
    builds = {each.variant: each for each in entry.variants}
    assert set(builds) == {"Q4_K_M", "Q8_0", "F16"}  # of Q2_K two parts are missing
    assert [(file.name, file.role) for file in builds["F16"].files] == [
        ("Tiny-8B-F16-00001-of-00002.gguf", "weights"),
        ("Tiny-8B-F16-00002-of-00002.gguf", "weights"),
        ("mmproj-Tiny-8B-F16.gguf", "mmproj"),
    ]
    assert builds["F16"].size == 16_600_000_000
    first = builds["Q4_K_M"].files[0]
    assert (first.sha256, first.size) == (HEX, 5_000_000_000)
    assert first.sources[0].url == f"{hub.url}/{NAME}/resolve/{TINY['sha']}/Tiny-8B-Q4_K_M.gguf"
    assert builds["Q4_K_M"].revision == TINY["sha"]


async def test_a_card_in_papins_words(opened):
    async with opened() as session:
        entry = await session.entry(NAME)
    assert (entry.ref, entry.publisher, entry.title) == (f"hf:{NAME}", "acme", "Tiny-8B-GGUF")
    assert (entry.license, entry.architecture, entry.base_model) == ("apache-2.0", "llama", "acme/Tiny")
    assert (entry.parameters, entry.context_length, entry.access) == (8030261312, 131072, "open")
    assert entry.capabilities == ("chat", "text")
    assert (entry.downloads, entry.likes, entry.trending) == (1000, 50, 1)
    assert entry.created_at.isoformat() == "2026-01-02T03:04:05+00:00"
    assert entry.formats == ("gguf",)


async def test_a_build_is_found_in_any_case_and_others_are_told(opened):
    async with opened() as session:
        assert (await session.resolve(NAME, "q8_0")).ref == f"hf:{NAME}:Q8_0"
        with pytest.raises(NotFound) as caught:
            await session.resolve(NAME, "Q8_1")
    assert f"hf:{NAME}:Q8_0" in caught.value.next_step


async def test_a_revision_is_part_of_the_name(opened, hub):
    hub.revisions[NAME, "v1.0"] = "ab" * 20
    async with opened() as session:
        found = await session.resolve(f"{NAME}/v1.0", "Q4_K_M")
        assert found.ref == f"hf:{NAME}/v1.0:Q4_K_M"
        assert f"/resolve/{'ab' * 20}/" in found.files[0].sources[0].url
        with pytest.raises(NotFound, match="no such revision"):
            await session.resolve(f"{NAME}/v2", None)


async def test_a_repository_that_moved_is_followed(opened, hub):
    hub.moved["acme/Old-GGUF"] = NAME
    async with opened() as session:
        found = await session.resolve("acme/Old-GGUF", "Q4_K_M")
    assert found.ref == "hf:acme/Old-GGUF:Q4_K_M"
    assert f"/{NAME}/resolve/" in found.files[0].sources[0].url


async def test_onnx_and_safetensors_take_what_belongs_to_them(opened, hub):
    hub.models["acme/Onnx"] = repository(
        "acme/Onnx",
        plain("config.json"),
        lfs("onnx/model_q4.onnx"),
        lfs("onnx/model_q4.onnx_data"),
        lfs("model.safetensors"),
    )
    async with opened() as session:
        builds = {each.format: each for each in (await session.entry("acme/Onnx")).variants}
    assert {file.name for file in builds["onnx"].files} == {"model_q4.onnx", "model_q4.onnx_data", "config.json"}
    assert {file.name for file in builds["safetensors"].files} == {"model.safetensors", "config.json"}


# --- refusals


@pytest.mark.parametrize(
    ("status", "headers", "kind", "words"),
    [
        (403, {"X-Error-Code": "GatedRepo"}, LoginRequired, "papin login http://127.0.0.1"),
        (401, {"X-Error-Code": "RepoNotFound"}, NotFound, "papin login"),
        (404, {"X-Error-Code": "RevisionNotFound"}, NotFound, "tree/main"),
        (404, {}, NotFound, "papin models search"),
        (429, {"RateLimit": '"api";r=0;t=55'}, TooManyRequests, "in 55 s"),
        (429, {}, TooManyRequests, "in a few minutes"),
        (500, {}, TransferFailed, ""),
        (302, {"Location": "http://169.254.169.254/"}, PapinError, ""),
    ],
)
async def test_a_refusal_says_what_to_do(opened, hub, status, headers, kind, words):
    hub.refuse[f"/api/models/{NAME}"] = (status, headers)
    async with opened() as session:
        with pytest.raises(kind) as caught:
            await session.resolve(NAME, None)
    assert words in caught.value.next_step
    assert getattr(caught.value, "wait", None) == (55 if "RateLimit" in headers else None)


@pytest.mark.parametrize("name", ["tiny", "a/b/c d", "../x/y", "acme/..", "acme/x/../../y", "x" * 400, "-a/b"])
async def test_what_is_no_name_asks_nobody(opened, hub, name):
    async with opened() as session:
        with pytest.raises(NotFound):
            await session.resolve(name, None)
    assert hub.asked == []


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"[" * 100_000, b'{"id": 5}', b"\xff\xfe", b'{"id": "acme/x", "siblings": {"a": 1}}'],
)
async def test_nonsense_is_an_error(opened, hub, body):
    hub.body = body
    async with opened() as session:
        with pytest.raises(PapinError):
            await session.resolve(NAME, None)


async def test_hostile_paths_digests_and_names_are_left_out(opened, hub):
    hub.models["acme/Evil"] = repository(
        "acme/Evil",
        lfs("../../evil.Q4_0.gguf"),
        lfs("/etc/evil.Q5_0.gguf"),
        lfs("a\nb.Q6_K.gguf"),
        lfs("good.Q8_0.gguf", sha256="../../x"),
        tags=["gguf", "license:<script>", "base_model:quantized:../../x"],
        gguf={"total": -5, "architecture": "<b>", "context_length": 2**70},
        createdAt="yesterday",
    )
    hub.models["../evil"] = {**hub.models["acme/Evil"], "id": "../evil"}
    async with opened() as session:
        entry = await session.entry("acme/Evil")
        assert [each.variant for each in entry.variants] == ["Q8_0"]
        assert entry.variants[0].files[0].sha256 is None
        assert (entry.license, entry.base_model, entry.architecture, entry.parameters) == ("", "", "", None)
        assert "../evil" not in names_of(await everything(session))


# --- many


async def test_a_refresh_takes_every_row_and_the_next_is_one_request(opened, hub):
    async with opened() as session:
        pages = await everything(session)
        assert names_of(pages) == set(hub.models)
        asked = len(hub.asked)
        (page,) = await everything(session, pages[-1].state)
        assert (page.entries, page.more) == ((), False)
        assert (len(hub.asked) - asked, hub.statuses[-1]) == (1, 304)
        hub.models["acme/New-GGUF"] = repository("acme/New-GGUF", trendingScore=99)
        assert "acme/New-GGUF" in names_of(await everything(session, page.state))


async def test_a_list_tells_the_builds_of_each_without_their_sizes(opened, hub):
    hub.models["acme/Speaks-GGUF"] = repository(
        "acme/Speaks-GGUF", lfs("speaks.Q8_0.gguf"), tags=["gguf", "en", "de", "fr"]
    )
    async with opened() as session:
        told = {entry.name: entry for page in await everything(session) for entry in page.entries}
        (found, *_) = await session.search(Query(words=("tiny",)), 10)
    builds = {each.variant: each for each in told[NAME].variants}
    assert set(builds) == {"Q4_K_M", "Q8_0", "F16"}
    assert (builds["Q4_K_M"].quantization, builds["Q4_K_M"].size, builds["Q4_K_M"].files[0].sha256) == (
        "Q4_K_M",
        None,
        None,
    )
    assert found.variants == told[NAME].variants
    assert "multilingual" in told["acme/Speaks-GGUF"].capabilities
    assert "multilingual" not in told[NAME].capabilities


async def test_without_marks_an_unchanged_hub_is_one_request_too(opened, hub):
    hub.etags = False
    async with opened() as session:
        pages = await everything(session)
        asked = len(hub.asked)
        (page,) = await everything(session, pages[-1].state)
    assert (page.entries, len(hub.asked) - asked) == ((), 1)


async def test_pages_are_followed_as_far_as_is_set_and_never_elsewhere(opened, hub):
    for number in range(450):
        hub.models[f"acme/m{number}-GGUF"] = repository(f"acme/m{number}-GGUF", trendingScore=1000 - number)
    async with opened(pages=2) as session:
        pages = await everything(session)
    assert len(pages[0].entries) == len(pages[1].entries) == 100
    assert len(hub.asked) == 8
    hub.next_link = "https://evil.example/api/models?cursor=1"
    async with opened(pages=2) as session:
        pages = await everything(session)
    assert len(pages) == 4


async def test_a_refresh_goes_on_where_it_was(opened, hub):
    for number in range(250):
        hub.models[f"acme/m{number}-GGUF"] = repository(f"acme/m{number}-GGUF", trendingScore=1000 - number)
    async with opened() as session:
        first = await session.refresh("")
    async with opened() as session:
        second = await session.refresh(first.state)
    assert "cursor=100" in hub.asked[-1]
    assert not names_of([first]) & names_of([second])


async def test_a_state_that_points_elsewhere_is_none(opened, hub):
    state = json.dumps({"endpoint": hub.url, "row": 1, "path": "//evil.example/x"})
    async with opened() as session:
        await session.refresh(state)
        await session.refresh(json.dumps({"endpoint": "http://other", "row": 3}))
        await session.refresh(json.dumps({"endpoint": hub.url, "row": 99}))
    assert all("sort=trendingScore" in path for path in hub.asked)


async def test_a_search_asks_the_hub_and_is_bounded(opened, hub):
    async with opened() as session:
        found = await session.search(Query(words=("tiny",)), 10)
        assert [entry.name for entry in found] == [NAME]
        assert len(await session.search(Query(sort="downloads"), 1)) == 1
        assert "sort=downloads" in hub.asked[-1]
        filters = (Filter(key="format", values=("onnx",)),)
        assert await session.search(Query(words=("tiny",), filters=filters), 10) == ()


# --- settings


def test_the_endpoint_is_the_users_the_environments_or_the_hubs():
    assert endpoint_of(HubSettings(), {}) == "https://huggingface.co"
    assert endpoint_of(HubSettings(), {"HF_ENDPOINT": "https://mirror.example/hub/"}) == "https://mirror.example/hub"
    assert endpoint_of(HubSettings(endpoint="https://own.example"), {"HF_ENDPOINT": "x"}) == "https://own.example"


async def test_a_token_is_for_the_endpoint(opened, hub):
    async with opened(token="s3cret") as session:
        await session.resolve(NAME, None)
    assert hub.tokens == ["Bearer s3cret"]


async def test_offline_as_hugging_faces_own_programs_say_it(opened, hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    async with opened() as session:
        for asking in (session.resolve(NAME, None), session.refresh(""), session.search(Query(), 1)):
            with pytest.raises(Offline):
                await asking
    assert hub.asked == []
