"""Finding models and updates over HTTP: each route renders its operation."""

import msgspec
import pytest

from papin.discovery import Found, ModelPage, Refreshed, Row, Update, UpdateCheck
from papin.models import Job, Model
from papin.recommenders import Recommendation

API = "/api/v1/discovery"


async def ask(client, kind, method, path, body=None, status=200):
    answer = await client.ask(method, f"{API}{path}", body) if body else await client.ask(method, f"{API}{path}")
    assert answer.status == status, answer.body
    return msgspec.json.decode(answer.body, type=kind)


async def test_searching(client, kernel):
    found = await ask(client, Found, "GET", "/search?q=smol%20fits%3Ayes&limit=5&online=true")
    assert found.cards == (kernel.discovery.card,)
    assert kernel.discovery.asked == [("smol fits:yes", 5, True)]
    await ask(client, Found, "GET", "/search")
    assert kernel.discovery.asked[-1] == ("", 20, False)
    assert await ask(client, list[str], "GET", "/complete?q=arch:") == ["arch:x"]


@pytest.mark.parametrize("path", ["/search?limit=many", "/search?online=perhaps", "/page"])
async def test_impossible_arguments_are_refused(client, path):
    assert (await client.ask("GET", f"{API}{path}")).status == 400


async def test_rows_and_pages(client, kernel):
    rows = await ask(client, list[Row], "GET", "/rows")
    assert await ask(client, Row, "GET", "/rows/popular") == rows[0]
    assert (await client.ask("GET", f"{API}/rows/nothing")).status == 404
    wanted = await ask(client, Row, "GET", "/rows/recommended?task=code&limit=1")
    assert (wanted.title, len(wanted.cards)) == ("Recommended: code", 1)
    page = await ask(client, ModelPage, "GET", "/page?ref=starter:smollm2")
    assert page.entry == kernel.discovery.card.entry
    assert (await client.ask("GET", f"{API}/page?ref=starter:nothing")).json()["code"] == "ERR_NOT_FOUND"


async def test_recommendations_for_a_task(client):
    (found,) = await ask(client, list[Recommendation], "GET", "/recommendations?task=code")
    assert (found.ref, found.reason) == ("starter:smollm2", "made for code")
    assert (await client.ask("GET", f"{API}/recommendations?task=opera")).json()["code"] == "ERR_NOT_FOUND"


async def test_refreshing(client):
    assert await ask(client, list[Refreshed], "POST", "/refresh") == [Refreshed(catalog="starter", changed=1)]
    asked = await ask(client, list[Refreshed], "POST", "/refresh", {"catalogs": ["hub"]})
    assert asked == [Refreshed(catalog="hub", changed=1)]


async def test_updates(client):
    assert (await ask(client, list[Update], "GET", "/updates"))[0].fetch == 2
    assert (await ask(client, list[UpdateCheck], "POST", "/updates/check"))[0].outcome == "same"
    assert (await ask(client, list[UpdateCheck], "POST", "/updates/check?model=smollm2"))[0].outcome == "weights"
    assert (await ask(client, Job, "POST", "/updates/smollm2", status=202)).subject
    assert (await ask(client, Model, "POST", "/updates/smollm2/rollback")).id == "smollm2"
    assert (await client.ask("POST", f"{API}/updates/nothing")).status == 404


async def test_the_list_of_all_models_can_be_bounded(client):
    found = (await client.ask("GET", "/api/v1/models?limit=0")).json()
    assert {each["installed"] for each in found} == {True}


async def test_catalogs_of_ones_own(client, kernel):
    added = await client.ask("POST", "/api/v1/catalogs", {"name": "team", "address": "/mnt/models"})
    assert added.status == 201
    assert msgspec.json.decode(added.body, type=Refreshed) == Refreshed(catalog="team", changed=2, models=2)
    assert kernel.discovery.asked == [("team", "/mnt/models")]
    assert (await client.ask("POST", "/api/v1/catalogs", {"name": "team", "address": "models"})).status == 400
    assert (await client.ask("POST", "/api/v1/catalogs", {"name": "team"})).status == 400
    removed = await client.ask("DELETE", "/api/v1/catalogs/team")
    assert msgspec.json.decode(removed.body, type=Refreshed) == Refreshed(catalog="team", gone=2)
    assert (await client.ask("DELETE", "/api/v1/catalogs/starter")).status == 404
