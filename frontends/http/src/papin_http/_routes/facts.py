"""The operations on what there is: providers, plugins, catalogs, storage."""

from __future__ import annotations

from litestar import Router, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from papin.answers import CatalogStatus, DedupePlan, PluginInfo, ProviderStatus, ProviderView
from papin.discovery import Refreshed
from papin.inventories import Inventory
from papin.policies import Cleanup
from papin.storages import Account
from papin_http._core import PROBLEMS, Asked, kernel_of
from papin_http._shapes import AddCatalogRequest, RefreshRequest

__all__ = ["router"]


@get("/providers", operation_id="listProviders", responses=PROBLEMS)
async def providers(request: Asked) -> tuple[ProviderStatus, ...]:
    """List the providers: the programs that run and keep models."""
    return await kernel_of(request).providers.list()


@get("/providers/{name:str}", operation_id="showProvider", responses=PROBLEMS)
async def provider(request: Asked, name: FromPath[str]) -> ProviderView:
    """Show a provider: its program, what it can do, why it cannot do the rest, and the models that it has."""
    return await kernel_of(request).providers.show(name)


@post("/providers/refresh", operation_id="refreshProviders", status_code=200, responses=PROBLEMS)
async def refresh(request: Asked, data: JSONBody[RefreshRequest | None] = None) -> tuple[Inventory, ...]:
    """Ask providers anew what they have; one that cannot be asked keeps its list, with its problem."""
    return await kernel_of(request).providers.refresh((data and data.providers) or None)


@get("/plugins", operation_id="listPlugins", responses=PROBLEMS)
async def plugins(request: Asked) -> tuple[PluginInfo, ...]:
    """List the plugins: where each comes from, what it registers, and what is wrong with it."""
    return kernel_of(request).plugins()


@get("/catalogs", operation_id="listCatalogs", responses=PROBLEMS)
async def catalogs(request: Asked) -> tuple[CatalogStatus, ...]:
    """List the catalogs: the places where models can be discovered."""
    return await kernel_of(request).catalogs.list()


@post("/catalogs", operation_id="addCatalog", status_code=201, responses=PROBLEMS)
async def add_catalog(request: Asked, data: JSONBody[AddCatalogRequest]) -> Refreshed:
    """Add a catalog of one's own, a folder of this machine or the web address of an index, and read it."""
    return await kernel_of(request).catalogs.add(data.name, data.address)


@delete("/catalogs/{name:str}", operation_id="removeCatalog", status_code=200, responses=PROBLEMS)
async def remove_catalog(request: Asked, name: FromPath[str]) -> Refreshed:
    """Forget a catalog of one's own, and what it told; the models that came from it stay."""
    return await kernel_of(request).catalogs.remove(name)


@get("/storage", operation_id="accountStorage", responses=PROBLEMS)
async def storage(request: Asked) -> tuple[Account, ...]:
    """Tell what each storage holds, and how much is free."""
    return await kernel_of(request).storage.account()


@post("/storage/dedupe", operation_id="dedupeStorage", status_code=200, responses=PROBLEMS)
async def dedupe(request: Asked, *, dry_run: FromQuery[bool] = False) -> DedupePlan:
    """Replace by links what other programs store a second time; `dry_run` only says what that would free.

    Files of unknown digest are read for that, so that it may take minutes; closing the request cancels it.
    """
    storage = kernel_of(request).storage
    plan = await storage.plan_dedupe()
    return plan if dry_run else await storage.dedupe(plan)


@post("/storage/cleanup", operation_id="cleanupStorage", status_code=200, responses=PROBLEMS)
async def cleanup(request: Asked, *, dry_run: FromQuery[bool] = False) -> Cleanup:
    """Remove what the cleanup policies let go; `dry_run` only says what that is and what it would free."""
    storage = kernel_of(request).storage
    wanted = await storage.plan_cleanup()
    if dry_run:
        return Cleanup(removed=wanted, freed=sum(each.frees for each in wanted))
    return await storage.cleanup(wanted)


router = Router(
    path="/",
    route_handlers=[
        providers,
        provider,
        refresh,
        plugins,
        catalogs,
        add_catalog,
        remove_catalog,
        storage,
        dedupe,
        cleanup,
    ],
    tags=["facts"],
)
