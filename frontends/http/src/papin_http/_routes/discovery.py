"""Finding models that can be installed, and updates of those that are."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from papin.discovery import Found, ModelPage, Refreshed, Row, Update, UpdateCheck
from papin.models import Job, Model
from papin.recommenders import Recommendation
from papin_http._core import PROBLEMS, Asked, Most, kernel_of
from papin_http._shapes import CatalogsRequest

__all__ = ["router"]


@get("/search", operation_id="searchModels", responses=PROBLEMS)
async def search(request: Asked, *, q: FromQuery[str] = "", limit: Most = 20, online: FromQuery[bool] = False) -> Found:
    """Search what the catalogs have, in the language of `papin models search`; `online` asks them as well."""
    return await kernel_of(request).discovery.search(q, limit=limit, online=online)


@get("/complete", operation_id="completeSearch", responses=PROBLEMS)
async def complete(request: Asked, *, q: FromQuery[str] = "") -> Sequence[str]:
    """Tell what the last word of a search may become."""
    return await kernel_of(request).discovery.complete(q)


@get("/rows", operation_id="listRows", responses=PROBLEMS)
async def rows(request: Asked) -> tuple[Row, ...]:
    """List the rows to browse, with the first cards of each."""
    return await kernel_of(request).discovery.rows()


@get("/rows/{row:str}", operation_id="browseRow", responses=PROBLEMS)
async def browse(request: Asked, row: FromPath[str], *, limit: Most = 20, task: FromQuery[str] = "") -> Row:
    """Show one row; `task` is what the models of the row `recommended` are wanted for."""
    return await kernel_of(request).discovery.browse(row, limit=limit, task=task)


@get("/recommendations", operation_id="recommendModels", responses=PROBLEMS)
async def recommendations(request: Asked, *, task: FromQuery[str] = "") -> tuple[Recommendation, ...]:
    """Tell what suits this machine, the best first, with reasons; `task` is `chat`, `code` and so on."""
    return await kernel_of(request).advice.recommend(task)


@get("/page", operation_id="showModelPage", responses=PROBLEMS)
async def page(request: Asked, *, ref: FromQuery[str]) -> ModelPage:
    """Show the page of a model that can be installed: its variants, and which of them to take here."""
    return await kernel_of(request).discovery.show(ref)


@post("/refresh", operation_id="refreshCatalogs", status_code=200, responses=PROBLEMS)
async def refresh(request: Asked, data: JSONBody[CatalogsRequest | None] = None) -> tuple[Refreshed, ...]:
    """Ask the catalogs (all, or those named) for what is new."""
    return await kernel_of(request).catalogs.refresh((data or CatalogsRequest()).catalogs)


@get("/updates", operation_id="listUpdates", responses=PROBLEMS)
async def updates(request: Asked) -> tuple[Update, ...]:
    """List the updates that the last checks found; nobody is asked."""
    return await kernel_of(request).updates.available()


@post("/updates/check", operation_id="checkUpdates", status_code=200, responses=PROBLEMS)
async def check(request: Asked, *, model: FromQuery[str] = "") -> tuple[UpdateCheck, ...]:
    """Ask the catalogs whether they have other versions of a model, or of all."""
    return await kernel_of(request).updates.check([model] if model else [])


@post("/updates/{model:str}", operation_id="updateModel", status_code=202, responses=PROBLEMS)
async def update(request: Asked, model: FromPath[str]) -> Job:
    """Begin to bring in the version of a model that its catalog has now."""
    return await kernel_of(request).updates.start(model)


@post("/updates/{model:str}/rollback", operation_id="rollbackModel", status_code=200, responses=PROBLEMS)
async def rollback(request: Asked, model: FromPath[str]) -> Model:
    """Make the version before the last update current again."""
    return await kernel_of(request).updates.rollback(model)


router = Router(
    path="/discovery",
    route_handlers=[search, complete, rows, browse, recommendations, page, refresh, updates, check, update, rollback],
    tags=["discovery"],
)
