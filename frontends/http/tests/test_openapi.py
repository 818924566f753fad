"""The OpenAPI document tells of every route, the token, and the errors."""

import re

from litestar.routes import HTTPRoute

from papin_http._core import PROBLEMS
from papin_http._problems import STATUSES

from .conftest import built

DOCUMENT = "/api/v1/openapi.json"


async def test_every_route_of_the_api_is_described(client, kernel):
    answer = await client.ask("GET", DOCUMENT)
    paths = answer.json()["paths"]
    described = {(method.upper(), re.sub(r"\{.*?\}", "{}", path)) for path, ways in paths.items() for method in ways}
    routes = built().routes
    found = {
        (method, re.sub(r"\{.*?\}", "{}", route.path))
        for route in routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/api/") and DOCUMENT not in route.path
        for method in route.methods - {"OPTIONS"}
    }
    assert found <= described


async def test_operations_have_the_words_of_papin_and_tell_their_errors(client):
    document = (await client.ask("GET", DOCUMENT)).json()
    operations = {way["operationId"]: way for ways in document["paths"].values() for way in ways.values()}
    assert {"listModels", "startDownload", "downloadStatus", "cancelDownload", "loadModel", "chat"} <= set(operations)
    assert set(operations) >= {"followEvents", "verifyModel", "unloadModel", "removeModel", "listProviders"}
    for name, operation in operations.items():
        if name != "health":
            assert {"400", "401", "404", "503"} <= set(operation["responses"]), name
            assert operation["description"], name
    assert operations["startDownload"]["responses"]["202"]
    schemas = document["components"]["schemas"]
    assert {"code", "next_step", "detail", "status", "title", "type"} == set(
        next(schema for name, schema in schemas.items() if name.endswith("ProblemDocument"))["properties"]
    )


async def test_the_token_is_described(client):
    document = (await client.ask("GET", DOCUMENT)).json()
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert document["security"] == [{"token": []}]


async def test_it_names_no_other_place(client):
    """No page that would load scripts from somewhere else is served beside the document."""
    text = (await client.ask("GET", DOCUMENT)).body.decode()
    assert "http://" not in text
    assert "https://" not in text


async def test_every_part_is_told_in_words(client):
    document = (await client.ask("GET", DOCUMENT)).json()
    operations = [way for ways in document["paths"].values() for way in ways.values()]
    parameters = [each for way in operations for each in way.get("parameters", ())]
    assert len(parameters) > 30
    silent = [each["name"] for each in parameters if not each.get("description")]
    silent += [name for name, schema in document["components"]["schemas"].items() if not schema.get("description")]
    assert silent == []
    summaries = {way["operationId"]: way["summary"] for way in operations}
    assert summaries["unloadModel"] == "Take a model out of memory"


def test_every_status_of_an_error_is_documented():
    assert set(STATUSES.values()) <= set(PROBLEMS)
