"""What a router of llama-server can be asked to do: load, unload, fetch and remove its models."""

from __future__ import annotations

from collections.abc import Callable

import trio

from papin.errors import NotFound, PapinError, ProviderFailed, TransferTimeout
from papin.models import Model, Progress
from papin.names import nearest
from papin.openai import Refusal
from papin.providers import reference_of
from papin_llamacpp._servers.server import Server
from papin_llamacpp._servers.watch import Watch, failure
from papin_llamacpp._servers.wire import ListedModel

__all__ = ["Router"]

_STALL = 120.0
_CANCELLING = 3.0
_READY = {"loaded", "sleeping"}
_RUNNING = {"loading", *_READY}


class Router:
    """Orders for the router behind `server`; events wake those who wait, and the list is what they believe."""

    def __init__(self, server: Server, watch: Watch, name: str) -> None:
        self._server = server
        self._watch = watch
        self._name = name

    async def load(self, reference: str) -> ListedModel:
        """Return the model once it is in memory. Raises `LoadFailed` when its process ended."""
        with self._watch.asked(reference, "loaded"):
            is_asked = False
            while True:
                listed = await self.listed(reference)
                if listed.status.value in _READY:
                    return listed
                if listed.status.value == "unloaded":
                    if is_asked:
                        raise failure(self._watch.ids.get(reference, reference), listed.status.exit_code)
                    await self._order("/models/load", reference, unless="already running")
                    is_asked = True
                await self._watch.wait_change()

    async def unload(self, found: ListedModel) -> bool:
        """Return whether it was in memory, or on its way there, once it is not any more."""
        if found.status.value not in _RUNNING:
            return False
        with self._watch.asked(found.id, "unloaded"):
            await self._order("/models/unload", found.id, unless="not running")
            while (await self.listed(found.id)).status.value in _RUNNING:
                await self._watch.wait_change()
        return True

    async def wanted(self, model: Model) -> ListedModel:
        """Return the router's model that is `model`: what it was shared as, else the one of its name."""
        listed = await self._server.models()
        wanted = reference_of(model, self._name) or model.id
        found = next((each for each in listed if wanted in (each.id, *(each.aliases or ()))), None)
        if found is None:
            near = ", ".join(nearest(wanted, [each.id for each in listed])) or "nothing of that name"
            raise NotFound(
                f"the router at {self._server.address} has no {wanted}; it has {near}",
                next_step=f"Type: papin models share {model.id} --with {self._name}",
            )
        return found

    async def listed(self, reference: str) -> ListedModel:
        """Return the router's model of that name. Raises `NotFound`."""
        for each in await self._server.models():
            if reference == each.id:
                return each
        raise NotFound(
            f"the llama-server at {self._server.address} has no {reference}",
            next_step="papin models list shows what it has.",
        )

    async def pull(self, reference: str, report: Callable[[Progress], None]) -> None:
        """Have the router fetch `user/repo[:quantization]`; see `papin.providers.Pulls`."""
        refusal = await self._server.post("/models", {"model": reference})
        if refusal is not None and "already exists" in refusal.message:
            return
        if refusal is not None:
            raise self._not_fetched(reference, refusal)
        try:
            await self._follow_download(reference, report)
        except BaseException:
            with trio.move_on_after(_CANCELLING) as scope:
                scope.shield = True
                await self._server.post("/models/unload", {"model": reference})
            raise

    async def _follow_download(self, reference: str, report: Callable[[Progress], None]) -> None:
        last, since = (0, 0), trio.current_time()
        while not await self._is_fetched(reference):
            now = self._watch.downloads.get(reference, (0, 0))
            report(Progress(phase="downloading", done=now[0], total=now[1] or None, file=reference))
            if now != last:
                last, since = now, trio.current_time()
            if trio.current_time() - since > _STALL:
                raise TransferTimeout(
                    f"the router got nothing of {reference} for {_STALL:.0f} s", next_step="Check its network."
                )
            await self._watch.wait_change()

    async def _is_fetched(self, reference: str) -> bool:
        ended = self._watch.ended.pop(reference, None)
        if ended == "failed":
            raise ProviderFailed(f"the router could not fetch {reference}", next_step="Its own log says why.")
        listed = next((each for each in await self._server.models() if each.id == reference), None)
        if ended == "finished" or (listed is not None and listed.status.value not in {"downloading", "downloaded"}):
            return True
        if listed is None:
            raise ProviderFailed(f"the router gave up fetching {reference}", next_step="Its own log says why.")
        return False

    def _not_fetched(self, reference: str, refusal: Refusal) -> PapinError:
        if "unable to download" in refusal.message or "repo format" in refusal.message:
            return NotFound(
                f"where the router looks there is no {reference}",
                next_step="Name it as llama.cpp does: user/repo or user/repo:Q4_K_M, on Hugging Face.",
            )
        return self._too_old(refusal) or self._server.errors(refusal)

    async def remove(self, reference: str) -> None:
        """Have the router remove a model of its cache; see `papin.providers.Removes`."""
        refusal = await self._server.remove(reference)
        if refusal is None:
            return
        if "not removable" in refusal.message:
            raise ProviderFailed(
                f"{reference} is not in the router's cache: it only removes what it fetched itself",
                next_step=f"Remove its file from the router's folder, or, if papin shared it: papin models unshare "
                f"{reference} --from {self._name}",
            )
        if "not found" in refusal.message:
            raise NotFound(f"the router has no {reference}", next_step="papin models list shows what it has.")
        raise self._too_old(refusal) or self._server.errors(refusal)

    def _too_old(self, refusal: Refusal) -> ProviderFailed | None:
        if refusal.kind not in {"not_found", "unsupported"}:
            return None
        return ProviderFailed(
            f"the llama-server at {self._server.address} is too old to fetch or remove models",
            next_step="Install a newer llama.cpp, or download the model with papin and share it.",
        )

    async def _order(self, path: str, reference: str, *, unless: str) -> None:
        refusal = await self._server.post(path, {"model": reference})
        if refusal is not None and unless not in refusal.message:
            raise self._server.errors(refusal)
