"""The operations on models: list, show, remove, load, unload, verify."""

from __future__ import annotations

import msgspec
from litestar import Response, Router, delete, get, patch, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from papin.answers import RemovalPlan, RepairPlan, SettingsView, Verification
from papin.inventories import ProviderDetails
from papin.models import Job, LoadedModel, Model, Speed
from papin_http._core import PROBLEMS, Asked, Most, kernel_of
from papin_http._shapes import (
    AvailableModel,
    EditRequest,
    ImportRequest,
    InstalledModel,
    LoadRequest,
    NameRequest,
    PullRequest,
    SettingsRequest,
    ShareRequest,
    Unloaded,
    UnshareRequest,
    available,
    installed,
)

__all__ = ["router"]

_PLAN = ResponseSpec(RepairPlan, description="What is damaged, for a dry run.", generate_examples=False)

Listed = InstalledModel | AvailableModel


async def _installed(request: Asked) -> tuple[InstalledModel, ...]:
    return tuple(installed(model) for model in await kernel_of(request).models.list())


@get("/", operation_id="listModels", responses=PROBLEMS)
async def list_all(
    request: Asked, *, installed: FromQuery[bool] = False, limit: Most = 500
) -> tuple[InstalledModel | AvailableModel, ...]:
    """List all models: those of this machine, then the most downloaded that the catalogs have.

    `installed=true` leaves those out, and at most `limit` of them are told: /discovery/search finds the others.
    """
    here = await _installed(request)
    if installed:
        return here
    return (*here, *(available(entry) for entry in await kernel_of(request).catalogs.entries(limit)))


@get("/installed", operation_id="listInstalledModels", responses=PROBLEMS)
async def list_installed(request: Asked) -> tuple[InstalledModel, ...]:
    """List the models of this machine, whichever program has them, each payload once."""
    return await _installed(request)


@get("/loaded", operation_id="listLoadedModels", responses=PROBLEMS)
async def list_loaded(request: Asked) -> tuple[LoadedModel, ...]:
    """List the models that are in memory."""
    return await kernel_of(request).models.loaded()


@get("/{model:str}", operation_id="showModel", responses=PROBLEMS)
async def show(request: Asked, model: FromPath[str]) -> Model:
    """Show a model of this machine: by papin's id, or `PROVIDER:NAME`."""
    return await kernel_of(request).models.show(model)


@patch("/{model:str}", operation_id="editModel", responses=PROBLEMS)
async def edit(request: Asked, model: FromPath[str], data: JSONBody[EditRequest]) -> Model:
    """Change what the user says of a model: favourite, tags, collections, settings; what is not given stays."""
    return await kernel_of(request).models.edit(model, **msgspec.structs.asdict(data))


@delete("/{model:str}", operation_id="removeModel", status_code=200, responses=PROBLEMS)
async def remove(
    request: Asked, model: FromPath[str], *, dry_run: FromQuery[bool] = False, force: FromQuery[bool] = False
) -> RemovalPlan:
    """Remove a model; `dry_run` only says what that would free and what would stay, `force` removes a loaded one."""
    models = kernel_of(request).models
    return await (models.plan_removal(model) if dry_run else models.remove(model, force=force))


@post("/{model:str}/load", operation_id="loadModel", status_code=200, responses=PROBLEMS)
async def load(request: Asked, model: FromPath[str], data: JSONBody[LoadRequest | None] = None) -> LoadedModel:
    """Load a model into memory, or return it as it is when it is loaded already."""
    asked = data or LoadRequest()
    return await kernel_of(request).models.load(model, asked.settings, provider=asked.provider or None)


@post("/{model:str}/unload", operation_id="unloadModel", status_code=200, responses=PROBLEMS)
async def unload(request: Asked, model: FromPath[str], *, force: FromQuery[bool] = False) -> Unloaded:
    """Take a model out of memory.

    One that answers requests now is refused, unless `force` breaks them off.
    """
    return Unloaded(model=model, unloaded=await kernel_of(request).models.unload(model, force=force))


@post("/{model:str}/verify", operation_id="verifyModel", status_code=200, responses=PROBLEMS)
async def verify(request: Asked, model: FromPath[str]) -> Verification:
    """Check a model: its files, its format, its providers and the memory that it needs."""
    return await kernel_of(request).models.verify(model)


@post("/{model:str}/measure", operation_id="measureModel", status_code=200, responses=PROBLEMS)
async def measure(request: Asked, model: FromPath[str], data: JSONBody[LoadRequest | None] = None) -> Speed:
    """Measure how fast a model is on this machine, which takes seconds to minutes; closing the request cancels it."""
    asked = data or LoadRequest()
    return await kernel_of(request).models.measure(model, asked.settings, provider=asked.provider or None)


@get("/{model:str}/speeds", operation_id="listSpeeds", responses=PROBLEMS)
async def speeds(request: Asked, model: FromPath[str]) -> tuple[Speed, ...]:
    """List how fast a model was measured to be, the latest first: the last time on each machine."""
    return await kernel_of(request).models.speeds(model)


@post("/{model:str}/repair", operation_id="repairModel", status_code=202, responses=PROBLEMS | {200: _PLAN})
async def repair(
    request: Asked, model: FromPath[str], *, dry_run: FromQuery[bool] = False
) -> Response[Job | RepairPlan]:
    """Read a model whole and begin to bring in what is damaged of it, as a job.

    With `dry_run` nothing begins: 200 and the plan, which says what is damaged and what would be fetched.
    """
    repairs = kernel_of(request).repairs
    plan = await repairs.plan(model)
    if dry_run:
        return Response(plan, status_code=200)
    job = await repairs.start(plan)
    return Response(job, headers={"Location": f"/api/v1/downloads/{job.id}"})


@post("/{model:str}/share", operation_id="shareModel", status_code=200, responses=PROBLEMS)
async def share(request: Asked, model: FromPath[str], data: JSONBody[ShareRequest]) -> Model:
    """Make a model usable in another program, without a second copy of it unless `copy` allows one."""
    return await kernel_of(request).models.share(model, data.provider, name=data.name, copy=data.copy)


@post("/{model:str}/unshare", operation_id="unshareModel", status_code=200, responses=PROBLEMS)
async def unshare(request: Asked, model: FromPath[str], data: JSONBody[UnshareRequest]) -> Model:
    """Take back what sharing made in another program; papin keeps the model."""
    return await kernel_of(request).models.unshare(model, data.provider)


@post("/{model:str}/copy", operation_id="copyModel", status_code=200, responses=PROBLEMS)
async def copy(request: Asked, model: FromPath[str], data: JSONBody[NameRequest]) -> Model:
    """Give a model of another program a second name there, without a second copy of it."""
    return await kernel_of(request).models.copy(model, data.name)


@post("/{model:str}/rename", operation_id="renameModel", status_code=200, responses=PROBLEMS)
async def rename(request: Asked, model: FromPath[str], data: JSONBody[NameRequest]) -> Model:
    """Give a model of another program another name there."""
    return await kernel_of(request).models.rename(model, data.name)


@get("/{model:str}/details", operation_id="showDetails", responses=PROBLEMS)
async def details(request: Asked, model: FromPath[str], *, provider: FromQuery[str] = "") -> ProviderDetails:
    """Show what a provider says of a model that it has: its template, system prompt, settings and licence."""
    return await kernel_of(request).models.details(model, provider=provider or None)


@get("/{model:str}/settings", operation_id="showSettings", responses=PROBLEMS)
async def settings(request: Asked, model: FromPath[str], *, provider: FromQuery[str] = "") -> SettingsView:
    """Show the settings of a model, each with its source, for a provider or the one that would run it."""
    return await kernel_of(request).models.settings(model, provider=provider or None)


@patch("/{model:str}/settings", operation_id="changeSettings", responses=PROBLEMS)
async def change_settings(request: Asked, model: FromPath[str], data: JSONBody[SettingsRequest]) -> SettingsView:
    """Save settings of a model, or change those that a provider keeps itself; null takes one away."""
    models = kernel_of(request).models
    if data.provider:
        return await models.configure(model, data.provider, data.settings)
    await models.edit(model, settings=data.settings)
    return await models.settings(model)


@post("/pull", operation_id="pullModel", status_code=202, responses=PROBLEMS)
async def pull(request: Asked, data: JSONBody[PullRequest]) -> Job:
    """Have a provider fetch a model by its own means, into its own folder, as a job."""
    return await kernel_of(request).downloads.pull(data.provider, data.ref)


@post("/import", operation_id="importModel", status_code=202, responses=PROBLEMS)
async def take_over(request: Asked, data: JSONBody[ImportRequest]) -> Job:
    """Take a model that another program has into papin's storage, by link, as a job."""
    start = kernel_of(request).downloads.import_from
    return await start(data.provider, data.reference, name=data.name or None, copy=data.copy)


router = Router(
    path="/models",
    route_handlers=[
        list_all,
        list_installed,
        list_loaded,
        take_over,
        pull,
        show,
        edit,
        remove,
        load,
        unload,
        verify,
        measure,
        speeds,
        repair,
        share,
        unshare,
        copy,
        rename,
        details,
        settings,
        change_settings,
    ],
    tags=["models"],
)
