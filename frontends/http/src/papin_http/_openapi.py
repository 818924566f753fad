"""The OpenAPI document: what Litestar makes of the routes, and in words what each part of it means.

The words are those that stand in the code: a route's docstring, and that of the value which a schema describes.
"""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

from litestar import Request
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from papin import answers, discovery, errors, inventories, models, policies, recommenders, storages
from papin_http import _problems, _shapes

__all__ = ["config"]

_MODULES = (models, answers, discovery, inventories, policies, recommenders, storages, errors, _shapes, _problems)
_PARAMETERS = {
    ("path", "model"): "The id of a model or an unambiguous beginning of it, or PROVIDER:NAME with %2F for a slash.",
    ("path", "download"): "The id of a download or an unambiguous beginning of it, or a model's id or reference.",
    ("path", "name"): "Its name in the list.",
    ("path", "row"): "The name of a row, as in the list of rows.",
    ("query", "model"): "Only this model.",
    ("query", "installed"): "Only the models of this machine.",
    ("query", "limit"): "At most so many.",
    ("query", "dry_run"): "Only say what would happen.",
    ("query", "force"): "Unload first what is in memory.",
    ("query", "discard"): "Remove what arrived.",
    ("query", "online"): "Ask the catalogs as well, over the network.",
    ("query", "provider"): "The provider that is asked; the one that would run the model if left out.",
    ("query", "q"): "Words and filters, as for `papin models search`.",
    ("query", "ref"): "The reference of a model: catalog:name[:variant].",
    ("query", "since"): "The number of the last event that was seen.",
    ("query", "task"): "What the models are wanted for: chat, code, vision, embedding ...",
}


class _InWords(JsonRenderPlugin):
    """Renders the document with the words put in."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        for ways in openapi_schema["paths"].values():
            for way in ways.values():
                _put_words(way)
        for name, schema in openapi_schema["components"]["schemas"].items():
            schema["description"] = _documentation(name, _MODULES)
        return super().render(request, openapi_schema)


def _put_words(way: dict[str, Any]) -> None:
    way["summary"] = way["description"].partition("\n")[0].rstrip(".")
    for parameter in way.get("parameters", ()):
        parameter["description"] = _PARAMETERS[parameter["in"], parameter["name"]]


def _documentation(name: str, modules: tuple[ModuleType, ...]) -> str:
    found = next(getattr(module, name) for module in modules if hasattr(module, name))
    return inspect.getdoc(found) or ""


def config(path: str) -> OpenAPIConfig:
    """Return how the document is made and that it is served at `path`."""
    bearer = SecurityScheme(type="http", scheme="bearer", description="The content of the token file.")
    return OpenAPIConfig(
        title="papin",
        version="1",
        description="Finds, downloads, organises, runs and cleans up local LLM models.",
        path=path,  # a folder of its own, since Litestar answers what is missing beside it with a page
        render_plugins=[_InWords(path="/")],
        components=Components(security_schemes={"token": bearer}),
        security=[{"token": []}],
        use_handler_docstrings=True,
    )
