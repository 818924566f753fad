"""The operations that only show something: providers, plugins, catalogs, storage."""

from __future__ import annotations

from litestar import Router, get

from papin.answers import CatalogStatus, PluginInfo, ProviderStatus
from papin.storages import Account
from papin_http._core import PROBLEMS, Asked, kernel_of

__all__ = ["router"]


@get("/providers", operation_id="listProviders", responses=PROBLEMS)
async def providers(request: Asked) -> tuple[ProviderStatus, ...]:
    """List the providers: the programs that run models."""
    return await kernel_of(request).providers.list()


@get("/plugins", operation_id="listPlugins", responses=PROBLEMS)
async def plugins(request: Asked) -> tuple[PluginInfo, ...]:
    """List the plugins: where each comes from, what it registers, and what is wrong with it."""
    return kernel_of(request).plugins()


@get("/catalogs", operation_id="listCatalogs", responses=PROBLEMS)
async def catalogs(request: Asked) -> tuple[CatalogStatus, ...]:
    """List the catalogs: the places where models can be discovered."""
    return await kernel_of(request).catalogs.list()


@get("/storage", operation_id="accountStorage", responses=PROBLEMS)
async def storage(request: Asked) -> tuple[Account, ...]:
    """Tell what each storage holds, and how much is free."""
    return await kernel_of(request).storage.account()


router = Router(path="/", route_handlers=[providers, plugins, catalogs, storage], tags=["facts"])
