"""Every route renders its operation."""

import msgspec
import pytest
import trio

from papin.answers import DamagedFile, DownloadPlan, ProviderView, RemovalPlan
from papin.errors import OutOfMemory
from papin.models import CatalogEntry, Job, LoadedModel, Message, Model, Reply, Speed
from papin_http._shapes import AskedSettings

from .client import until

API = "/api/v1"


async def test_all_models_are_the_installed_ones_and_then_those_of_catalogs(client, kernel):
    found = (await client.ask("GET", f"{API}/models")).json()
    assert [(each["id"], each["installed"]) for each in found] == [
        ("qwen3-0.6b", True),
        ("smollm2", True),
        ("starter:smollm2", False),
    ]
    assert msgspec.convert(found[1], Model) == kernel.models.installed["smollm2"]
    assert msgspec.convert(found[2], CatalogEntry).title == "SmolLM2"


@pytest.mark.parametrize("path", ["/models/installed", "/models?installed=true"])
async def test_installed_models(client, kernel, path):
    found = (await client.ask("GET", f"{API}{path}")).json()
    assert [each["id"] for each in found] == ["qwen3-0.6b", "smollm2"]


async def test_one_model_is_shown_as_it_is_recorded(client, kernel):
    answer = await client.ask("GET", f"{API}/models/smollm2")
    assert msgspec.json.decode(answer.body, type=Model) == kernel.models.installed["smollm2"]
    assert answer.headers["content-type"] == "application/json"


async def test_removing_can_be_tried_first(client, kernel):
    planned = await client.ask("DELETE", f"{API}/models/smollm2?dry_run=true")
    assert msgspec.json.decode(planned.body, type=RemovalPlan) == RemovalPlan(model="smollm2", frees=3)
    assert "smollm2" in kernel.models.installed
    assert (await client.ask("DELETE", f"{API}/models/smollm2")).body == planned.body
    assert "smollm2" not in kernel.models.installed


async def test_a_loaded_model_is_removed_only_by_force(client, kernel):
    kernel.models.in_memory.add("smollm2")
    refused = await client.ask("DELETE", f"{API}/models/smollm2")
    assert (refused.status, refused.json()["code"]) == (409, "ERR_IN_USE")
    assert (await client.ask("DELETE", f"{API}/models/smollm2?force=true")).status == 200


async def test_load_and_unload(client, kernel):
    asked = {"settings": {"n_ctx": 2048}, "provider": "llamacpp"}
    answer = await client.ask("POST", f"{API}/models/smollm2/load", asked)
    assert answer.status == 200
    assert msgspec.json.decode(answer.body, type=LoadedModel).model == "smollm2"
    assert kernel.models.asked == [(AskedSettings(n_ctx=2048), "llamacpp")]
    assert (await client.ask("POST", f"{API}/models/smollm2/load")).status == 200
    assert kernel.models.asked[1] == (AskedSettings(), None)
    for there in (True, False):
        answer = await client.ask("POST", f"{API}/models/smollm2/unload")
        assert answer.json() == {"model": "smollm2", "unloaded": there}


@pytest.mark.parametrize("quoted", ["lmstudio:publisher%2Frepo%2fm.gguf", "lmstudio%3Apublisher%2Frepo%2Fm.gguf"])
async def test_a_slash_in_the_name_of_a_model(client, kernel, quoted):
    name = "lmstudio:publisher/repo/m.gguf"
    kernel.models.installed[name] = msgspec.structs.replace(kernel.models.installed["smollm2"], id=name)
    assert (await client.ask("GET", f"{API}/models/{quoted}")).json()["id"] == name
    assert (await client.ask("POST", f"{API}/models/{quoted}/unload")).json() == {"model": name, "unloaded": False}
    assert (await client.ask("GET", f"{API}/models/{quoted.replace('%2F', '/')}")).status == 404


async def test_sharing_and_taking_back(client):
    answer = await client.ask("POST", f"{API}/models/smollm2/share", {"provider": "ollama", "name": "mine"})
    (placement,) = msgspec.json.decode(answer.body, type=Model).placements
    assert (answer.status, placement.provider, placement.reference, placement.how) == (
        200,
        "ollama",
        "mine",
        "hardlink",
    )
    answer = await client.ask("POST", f"{API}/models/smollm2/unshare", {"provider": "ollama"})
    assert msgspec.json.decode(answer.body, type=Model).placements == ()
    assert (await client.ask("POST", f"{API}/models/smollm2/share", {})).status == 400


async def test_taking_over_from_a_provider_is_a_job(client):
    answer = await client.ask("POST", f"{API}/models/import", {"provider": "ollama", "reference": "qwen3:0.6b"})
    assert (answer.status, msgspec.json.decode(answer.body, type=Job).subject) == (202, "qwen3:0.6b")
    answer = await client.ask("POST", f"{API}/models/pull", {"provider": "ollama", "ref": "qwen3:0.6b"})
    assert (answer.status, msgspec.json.decode(answer.body, type=Job).kind) == (202, "download")


async def test_what_answers_is_unloaded_only_by_force(client, kernel):
    kernel.models.in_memory, kernel.models.answering = {"smollm2"}, {"smollm2"}
    assert (await client.ask("POST", f"{API}/models/smollm2/unload")).status == 409
    assert (await client.ask("POST", f"{API}/models/smollm2/unload?force=true")).json()["unloaded"] is True


async def test_a_model_is_measured(client, kernel):
    answer = await client.ask("POST", f"{API}/models/smollm2/measure", {"settings": {"n_threads": 2}})
    speed = msgspec.json.decode(answer.body, type=Speed)
    assert (answer.status, speed.predicted_per_second) == (200, 34.25)
    assert kernel.models.asked == [(AskedSettings(n_threads=2), None)]
    assert (await client.ask("GET", f"{API}/models/smollm2/speeds")).json() == [msgspec.to_builtins(speed)]
    assert (await client.ask("POST", f"{API}/models/nobody/measure")).status == 404


async def test_what_is_damaged_is_told_and_then_brought_in(client, kernel):
    place = f"{API}/models/smollm2/repair"
    assert (await client.ask("POST", place)).status == 409
    kernel.repairs.damaged = (DamagedFile(name="m.gguf", sha256="a" * 64, size=9, state="damaged", fetch=4),)
    answer = await client.ask("POST", f"{place}?dry_run=true")
    assert (answer.status, answer.json()["fetch"], answer.json()["files"][0]["state"]) == (200, 4, "damaged")
    answer = await client.ask("POST", place)
    assert (answer.status, answer.json()["kind"]) == (202, "download")
    assert answer.headers["location"] == f"{API}/downloads/{answer.json()['id']}"
    assert (await client.ask("POST", f"{API}/models/nobody/repair")).status == 404


async def test_completing_and_embedding(client):
    answer = await client.ask("POST", f"{API}/models/smollm2/complete", {"prompt": "The sky is", "stream": False})
    assert answer.json()["text"] == "Blue light scatters."
    answer = await client.ask("POST", f"{API}/models/smollm2/embed", {"texts": ["a", "bcd"]})
    assert answer.json() == {"vectors": [[1.0], [3.0]], "prompt_n": 2}


async def test_one_provider_and_what_it_has(client):
    view = msgspec.json.decode((await client.ask("GET", f"{API}/providers/llamacpp")).body, type=ProviderView)
    assert view.status.name == "llamacpp"
    assert [each.reference for each in view.inventory.listing.models] == ["m"]
    assert (await client.ask("GET", f"{API}/providers/nobody")).status == 404
    for asked in (None, {"providers": ["llamacpp"]}):
        (found,) = (await client.ask("POST", f"{API}/providers/refresh", asked)).json()
        assert found["provider"] == "llamacpp"


async def test_other_names(client, kernel):
    assert (await client.ask("POST", f"{API}/models/smollm2/copy", {"name": "two"})).json()["id"] == "two"
    assert (await client.ask("POST", f"{API}/models/smollm2/rename", {"name": "three"})).json()["id"] == "three"
    assert {"two", "three"} <= set(kernel.models.installed)
    assert "smollm2" not in kernel.models.installed


async def test_what_a_provider_says_of_a_model(client):
    assert (await client.ask("GET", f"{API}/models/smollm2/details")).json()["template"] == "{{ .Prompt }}"
    assert (await client.ask("GET", f"{API}/models/nobody/details?provider=ollama")).status == 404


async def test_settings(client):
    place = f"{API}/models/smollm2/settings"
    answer = await client.ask("PATCH", place, {"settings": {"n_ctx": 512, "top_k": None}})
    assert answer.status == 200
    assert [(each["name"], each["value"]) for each in answer.json()["settings"]] == [("n_ctx", 512)]
    assert (await client.ask("GET", f"{place}?provider=ollama")).json()["provider"] == "ollama"
    answer = await client.ask("PATCH", place, {"settings": {"n_ctx": 1}, "provider": "ollama"})
    assert answer.json()["configures"] is True


async def test_second_copies_are_shown_and_then_replaced(client, kernel):
    assert (await client.ask("POST", f"{API}/storage/dedupe?dry_run=true")).json()["frees"] == 3
    assert not kernel.storage.deduped
    assert (await client.ask("POST", f"{API}/storage/dedupe")).json()["frees"] == 3
    assert kernel.storage.deduped


async def test_verify(client):
    answer = await client.ask("POST", f"{API}/models/smollm2/verify")
    assert answer.json() == {"model": "smollm2", "checks": []}


async def test_a_download_is_accepted_shown_and_cancelled(client, kernel):
    answer = await client.ask("POST", f"{API}/downloads", {"ref": "hf:org/repo:Q4_K_M"})
    job = msgspec.json.decode(answer.body, type=Job)
    assert (answer.status, job.state, answer.headers["location"]) == (202, "queued", f"{API}/downloads/{job.id}")
    for target in (job.id, f"?model={job.id}", "?model=hf:org/repo:Q4_K_M"):
        found = (await client.ask("GET", f"{API}/downloads{'' if target[0] == '?' else '/'}{target}")).json()
        assert (found[0] if isinstance(found, list) else found)["id"] == job.id
    cancelled = await client.ask("POST", f"{API}/downloads/{job.id}/cancel")
    assert (cancelled.status, cancelled.json()["state"]) == (200, "cancelled")
    assert (await client.ask("GET", f"{API}/downloads")).json() == [cancelled.json()]
    assert (await client.ask("GET", f"{API}/downloads?model=other")).json() == []


async def test_a_download_is_paused_and_resumed(client):
    job = (await client.ask("POST", f"{API}/downloads", {"ref": "starter:smollm2"})).json()
    paused = await client.ask("POST", f"{API}/downloads/{job['id']}/pause")
    assert (paused.status, paused.json()["state"]) == (200, "paused")
    resumed = await client.ask("POST", f"{API}/downloads/{job['id']}/resume")
    assert (resumed.status, resumed.json()["state"]) == (202, "running")
    assert (await client.ask("POST", f"{API}/downloads/nothing/pause")).json()["code"] == "ERR_NOT_FOUND"


async def test_a_download_has_terms(client):
    terms = {"limit": 5_000_000, "between": "23:00-07:00"}
    job = (await client.ask("POST", f"{API}/downloads", {"ref": "starter:smollm2", **terms})).json()
    assert (job["limit"], job["between"]) == (5_000_000, "23:00-07:00")
    resumed = await client.ask("POST", f"{API}/downloads/{job['id']}/resume", {"between": "always"})
    assert (resumed.status, resumed.json()["between"]) == (202, "always")


async def test_what_arrived_can_be_discarded(client, kernel):
    job = (await client.ask("POST", f"{API}/downloads", {"ref": "starter:smollm2"})).json()
    for query, discarded in (("", False), ("?discard=true", True)):
        answer = await client.ask("POST", f"{API}/downloads/{job['id']}/cancel{query}")
        assert (answer.json()["state"], kernel.downloads.discarded) == ("cancelled", discarded)


async def test_a_dry_run_says_what_would_be_done(client, kernel):
    answer = await client.ask("POST", f"{API}/downloads?dry_run=true", {"ref": "starter:smollm2", "name": "mine"})
    plan = msgspec.json.decode(answer.body, type=DownloadPlan)
    assert (answer.status, plan.model, plan.fetch, plan.files[0].partial) == (200, "mine", 2, 1)
    assert kernel.downloads.asked == []


async def test_downloads_are_limited(client):
    job = (await client.ask("POST", f"{API}/downloads", {"ref": "starter:smollm2"})).json()
    limited = await client.ask("POST", f"{API}/downloads/{job['id']}/limit", {"limit": 1000})
    assert (limited.status, limited.json()["limit"]) == (200, 1000)
    assert (await client.ask("POST", f"{API}/downloads/{job['id']}/limit", {"limit": None})).json()["limit"] is None
    answer = await client.ask("POST", f"{API}/downloads/limit", {"limit": 2000})
    assert answer.json() == (await client.ask("GET", f"{API}/downloads/limit")).json() == {"limit": 2000}
    for body in ({"limit": 0}, {"limit": "5MB"}, {}):
        assert (await client.ask("POST", f"{API}/downloads/limit", body)).status == 400


async def test_a_download_is_found_by_its_model_and_the_newest_one_counts(client, kernel):
    for _ in range(2):
        await client.ask("POST", f"{API}/downloads", {"ref": "starter:smollm2"})
    assert (await client.ask("GET", f"{API}/downloads/starter:smollm2")).json()["id"] == "j1"
    assert (await client.ask("GET", f"{API}/downloads/nothing")).json()["code"] == "ERR_NOT_FOUND"


async def test_a_download_from_an_address_gets_its_name(client, kernel):
    asked = {"ref": "mine", "url": "https://example.org/m.gguf", "sha256": "ab" * 32}
    assert (await client.ask("POST", f"{API}/downloads", asked)).status == 202
    assert kernel.downloads.asked == [("https://example.org/m.gguf", "mine", "ab" * 32)]


async def test_a_download_for_a_provider_that_is_not_there_is_refused(client, kernel):
    asked = {"ref": "starter:smollm2", "provider": "nope"}
    answer = await client.ask("POST", f"{API}/downloads", asked)
    assert (answer.status, answer.json()["next_step"]) == (404, "Providers here: llamacpp.")
    assert not kernel.downloads.asked
    assert (await client.ask("POST", f"{API}/downloads", asked | {"provider": "llamacpp"})).status == 202


@pytest.mark.parametrize("group", ["providers", "plugins", "catalogs", "storage", "models/loaded"])
async def test_lists(client, group):
    answer = await client.ask("GET", f"{API}/{group}")
    assert answer.status == 200
    assert isinstance(answer.json(), list)


CHAT = {"messages": [{"role": "user", "content": "Why is the sky blue?"}], "options": {"temperature": 0}}


async def test_a_chat_streams_events(client, kernel):
    answer = await client.ask("POST", f"{API}/models/smollm2/chat", CHAT)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    blocks = [block.removeprefix(b"data: ") for block in answer.body.split(b"\n\n") if block]
    replies = [msgspec.json.decode(block, type=Reply) for block in blocks]
    assert "".join(reply.text for reply in replies) == "Blue light scatters."
    assert (replies[-1].finish_reason, replies[-1].timings.predicted_n) == ("stop", 3)
    assert kernel.models.asked[0][:2] == ((Message(role="user", content="Why is the sky blue?"),), {"temperature": 0})


async def test_a_chat_streams_lines(client):
    answer = await client.ask("POST", f"{API}/models/smollm2/chat", CHAT, Accept="application/x-ndjson")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert [msgspec.json.decode(line, type=Reply).text for line in answer.body.splitlines()][:1] == ["Blue"]


async def test_a_chat_in_one_document(client):
    answer = await client.ask("POST", f"{API}/models/smollm2/chat", CHAT | {"stream": False})
    reply = msgspec.json.decode(answer.body, type=Reply)
    assert (reply.text, reply.finish_reason) == ("Blue light scatters.", "stop")
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("stream", [True, False])
async def test_a_chat_that_fails_before_its_first_word_is_a_problem(client, kernel, stream):
    kernel.models.fails_with = OutOfMemory("It needs 3 GB.", next_step="Choose a smaller one.")
    answer = await client.ask("POST", f"{API}/models/smollm2/chat", CHAT | {"stream": stream})
    assert (answer.status, answer.json()["code"]) == (507, "ERR_MEMORY")
    assert kernel.models.chats_open == 0


async def test_a_chat_that_fails_in_the_middle_ends_with_a_problem(client, kernel):
    kernel.models.fails_with, kernel.models.fails_at = OutOfMemory("It needs 3 GB."), 1
    answer = await client.ask("POST", f"{API}/models/smollm2/chat", CHAT, Accept="application/x-ndjson")
    first, last = [msgspec.json.decode(line) for line in answer.body.splitlines()]
    assert (first, last["problem"]["code"]) == ({"text": "Blue"}, "ERR_MEMORY")


async def test_a_client_that_leaves_ends_its_chat(client, kernel):
    kernel.models.gate = trio.Event()
    async with client.stream("POST", f"{API}/models/smollm2/chat", CHAT) as answer:
        async for _ in answer.blocks():
            break
        assert kernel.models.chats_open == 1
    await until(lambda: kernel.models.chats_open == 0)


@pytest.mark.parametrize("path", ["/models?limit=-1", "/discovery/search?limit=-1", "/discovery/rows/popular?limit=-1"])
async def test_less_than_nothing_is_no_limit(client, path):
    answer = await client.ask("GET", f"{API}{path}")
    assert (answer.status, answer.json()["detail"]) == (400, "limit: Expected `int` >= 0")


@pytest.mark.parametrize("path", ["/downloads", "/models/smollm2/chat", "/models/smollm2/share", "/catalogs"])
async def test_a_body_that_is_missing_is_named(client, path):
    answer = await client.ask("POST", f"{API}{path}")
    assert (answer.status, answer.json()["code"]) == (400, "ERR_USAGE")
    assert answer.json()["detail"].startswith("A body is needed")


async def test_a_setting_that_nobody_knows_and_a_chat_without_a_message_are_refused(client):
    said = [{"role": "user", "content": "Why?"}]
    for body in ({"messages": []}, {"messages": said, "settings": {"n_ctxt": 9}}):
        answer = await client.ask("POST", f"{API}/models/smollm2/chat", body)
        assert (answer.status, answer.json()["code"]) == (400, "ERR_USAGE"), body
    assert (await client.ask("POST", f"{API}/models/smollm2/load", {"settings": {"n_ctxt": 9}})).status == 400
    assert (await client.ask("POST", f"{API}/models/smollm2/load", {"settings": {"n_ctx": 9}})).status == 200


async def test_what_is_said_of_a_model_is_changed(client):
    changes = {"favourite": True, "add_tags": ["small"], "add_collections": ["mine"], "settings": {"n_ctx": 9}}
    answer = await client.ask("PATCH", f"{API}/models/smollm2", changes)
    told = answer.json()
    assert (answer.status, told["favourite"], told["tags"], told["collections"]) == (200, True, ["small"], ["mine"])
    assert told["settings"] == {"n_ctx": 9}
    left = (await client.ask("PATCH", f"{API}/models/smollm2", {"remove_tags": ["small"]})).json()
    assert (left["favourite"], left["tags"]) == (True, [])
    assert (await client.ask("PATCH", f"{API}/models/smollm2", {"tags": []})).status == 400
    assert (await client.ask("PATCH", f"{API}/models/nobody", {"favourite": True})).status == 404


async def test_what_may_go_is_told_before_it_goes(client, kernel):
    told = (await client.ask("POST", f"{API}/storage/cleanup?dry_run=true")).json()
    assert (told["freed"], [each["model"] for each in told["removed"]]) == (7, ["old"])
    assert kernel.storage.unused
    assert (await client.ask("POST", f"{API}/storage/cleanup")).json() == told
    assert (await client.ask("POST", f"{API}/storage/cleanup")).json() == {"removed": [], "freed": 0, "left": []}
