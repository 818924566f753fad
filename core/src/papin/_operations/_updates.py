"""Updates: whether there are other versions of what is installed, bringing them in, and going back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
import trio

from papin import names
from papin._index._offers import keep_offer, offers
from papin._operations._catalogs import Catalogs
from papin._operations._comparing import Change, compare, has_same_weights, may_be_touched
from papin._operations._downloads import Downloads
from papin._operations._hashing import digest_of
from papin._operations._install import as_version
from papin._operations._models import Models
from papin._operations._removal import sweep
from papin._operations._services import Services, ignore
from papin._registry import Write
from papin.discovery import Update, UpdateCheck
from papin.errors import Conflict, NotFound, PapinError
from papin.events import ModelChanged, ModelUpdateAvailable
from papin.models import FileSource, Job, Model, Variant
from papin.names import CatalogRef

__all__ = ["Updates"]

_AT_ONCE = 4
_BY_HAND = "Take the newer one in beside it: papin models download REF --name NAME, REF being its address or file."


class Updates:
    """Other versions of installed models, by what their catalogs have now."""

    def __init__(self, services: Services, catalogs: Catalogs, models: Models, downloads: Downloads) -> None:
        self._services = services
        self._catalogs = catalogs
        self._models = models
        self._downloads = downloads
        downloads.bringing.after_update = self._finish

    # --- check ---

    async def check(self, refs: Sequence[str] = ()) -> tuple[UpdateCheck, ...]:
        """Ask the catalogs whether they have other versions of these models, or of all that came from one.

        One that cannot be asked is told, and leaves the others. What is found is kept for `available`.

        Raises:
            NotFound, Ambiguous: a model is not installed, or several are meant.
        """
        models = [await self._models.show(ref) for ref in refs] or list(await self._models.installed())
        wanted = [model for model in models if refs or self._ref(model) is not None]
        limiter = trio.CapacityLimiter(_AT_ONCE)
        done: dict[str, UpdateCheck] = {}

        async def one(model: Model) -> None:
            async with limiter:
                done[model.id] = await self._check(model)

        async with trio.open_nursery() as nursery:
            for model in wanted:
                nursery.start_soon(one, model)
        return tuple(done[model.id] for model in wanted)

    async def available(self) -> tuple[Update, ...]:
        """Return what the last checks found, without asking anybody."""
        found = await self._services.look_up(offers)
        here = {model.id for model in await self._models.installed()}
        return tuple(update for model, update in found.items() if model in here)

    def _ref(self, model: Model) -> CatalogRef | None:
        """Return what to ask for, or None where the model came from no catalog that is here."""
        try:
            parsed = names.parse(model.ref, catalogs=self._catalogs.prefixes)
        except PapinError:
            return None
        return parsed if isinstance(parsed, CatalogRef) and parsed.catalog else None

    async def _check(self, model: Model) -> UpdateCheck:
        if self._ref(model) is None:
            what = NotFound(f"{model.id} came from no catalog that is here", next_step=_BY_HAND)
            return UpdateCheck(model=model.id, ref=model.ref, outcome="unknown", problem=what.problem())
        try:
            update, outcome = await self._compared(model)
        except PapinError as error:
            return UpdateCheck(model=model.id, ref=model.ref, outcome="unknown", problem=error.problem())
        is_news = await self._services.index_change(partial(keep_offer, model=model.id, update=update))
        if update is not None and is_news:
            event = ModelUpdateAvailable(model=model.id, ref=model.ref, weights=update.weights, fetch=update.fetch)
            await self._services.records.change(lambda write: write.journal(event))
        return UpdateCheck(model=model.id, ref=model.ref, outcome=outcome, update=update)

    async def _compared(self, model: Model) -> tuple[Update | None, Change]:
        variant = await self._catalogs.resolve(model.ref)
        if may_be_touched(model, variant):
            variant = await self._hashed(variant)
        change = compare(model, variant)
        if change in ("same", "unknown"):
            return None, change
        plan = await self._downloads.plan_update(model)
        if change == "weights" and has_same_weights(model, variant, plan):
            change = "metadata"
        update = Update(
            model=model.id,
            ref=model.ref,
            weights=change == "weights",
            size=plan.size,
            fetch=plan.fetch,
            reused=plan.reused,
            revision=variant.revision,
            revision_here=model.revision,
        )
        return update, change

    async def _hashed(self, variant: Variant) -> Variant:
        """Return `variant` with the digests of its files, of this machine: each is read once, which is remembered."""
        files = []
        for file in variant.files:
            path = next(source.path for source in file.sources if isinstance(source, FileSource))
            digest = file.sha256 or await digest_of(self._services, Path(path), ignore)
            files.append(msgspec.structs.replace(file, sha256=digest))
        return msgspec.structs.replace(variant, files=tuple(files))

    # --- apply ---

    async def start(self, ref: str) -> Job:
        """Begin to bring in what the catalog has now, as a job; the old version stays in use until that is verified.

        Raises:
            NotFound, Ambiguous: the model is not installed, or several are meant.
            Conflict: it came from no catalog that is here.
        """
        model = await self._models.show(ref)
        if self._ref(model) is None:
            raise Conflict(f"{model.id} came from no catalog that is here", next_step=_BY_HAND)
        return await self._downloads.start_update(model)

    async def _finish(self, model_id: str) -> Model:
        """Do what is left after an update or a rollback: links in other programs, and versions that are too old."""
        await self._services.index_change(partial(keep_offer, model=model_id, update=None))
        await self._drop_old(model_id)
        await self._models.share_again(model_id)
        return await self._models.show(model_id)

    async def _drop_old(self, model_id: str) -> None:
        before = datetime.now(UTC) - timedelta(days=self._services.config.core.keep_replaced_days)
        async with self._services.committing():
            unused = await self._services.records.change(lambda write: write.drop_versions(model_id, before))
            await sweep(self._services, [(file.storage, file.sha256) for file in unused])

    # --- go back ---

    async def rollback(self, ref: str) -> Model:
        """Make the version before the current one of a model current again; doing it twice comes back.

        Raises:
            NotFound: the model is not installed, or has no older version, or a file of that is gone.
        """
        model = await self._models.show(ref)
        versions = await self._services.records.read(lambda read: read.versions(model.id))
        before = next((each for each in reversed(versions[:-1]) if _places(each) != _places(versions[-1])), None)
        if before is None:
            raise NotFound(
                f"no other version of {model.id} is kept", next_step="papin models update brings in what is new."
            )
        async with self._services.committing():
            await self._check_there(before)
            storage = await self._services.storage(before.files[0].storage)
            now = datetime.now(UTC)

            def apply(write: Write) -> Model:
                new = msgspec.structs.replace(as_version(write.model(model.id), before), installed_at=now)
                write.edit_model(new)
                write.journal(ModelChanged(model=new.id))
                return new

            await storage.remember(await self._services.records.change(apply))
        return await self._finish(model.id)

    async def _check_there(self, version: Model) -> None:
        for file in version.files:
            storage = await self._services.storage(file.storage)
            if await storage.locate(file.sha256) is None:
                raise NotFound(
                    f"{file.name} of the version before is gone", next_step="Nothing was changed; keep this version."
                )


def _places(model: Model) -> tuple[str, ...]:
    return (model.revision, *(file.sha256 for file in model.files))
