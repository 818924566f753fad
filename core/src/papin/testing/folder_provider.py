"""A provider that is a folder: every `NAME.gguf` in it is a model, and answers are echoes.

It has every capability, so that what papin does with providers can be tested without a program; and on demand it
misbehaves. As a plugin, in a module of its own:

    from papin.testing.folder_provider import papin_providers
"""
# ruff: noqa: ARG002  an echo needs little of what it is told

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
import trio

from papin.context import Context
from papin.errors import Conflict, EngineMissing, NotFound, ProviderFailed
from papin.events import ModelUnloaded
from papin.hookspecs import hookimpl
from papin.inventories import Listing, ProviderDetails, ProviderFile, ProviderModel, stamp
from papin.links import is_same_file, link
from papin.models import (
    Embeddings,
    Engine,
    LoadedModel,
    LoadSettings,
    Message,
    Model,
    ModelSettings,
    Placement,
    Progress,
    Reply,
    Speed,
    Timings,
)
from papin.names import check, make_id
from papin.providers import Provider, reference_of

__all__ = ["FolderProvider", "FolderSettings", "folder_provider", "papin_providers"]

_ENDING = ".gguf"


Behaviour = Literal[
    "good",
    "hangs",
    "hangs-opening",
    "hangs-sharing",
    "hangs-measuring",
    "mismeasures",
    "lies",
    "floods",
    "fails",
    "crashes",
    "absent",
    "idle",
]


class FolderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`path` is the folder; `source` is where `pull` takes models from. `behaviour` says how it fails.

    `fixed` is why it keeps no settings. With `runs_files`, which the descriptor has to say too, it loads models that it
    does not have.
    """

    path: str = ""
    source: str = ""
    behaviour: Behaviour = "good"
    fixed: str = ""
    runs_files: bool = False


class FolderProvider:
    """The session."""

    def __init__(self, context: Context[FolderSettings]) -> None:
        self._context = context
        self._behaviour = context.settings.behaviour
        self._folder = Path(context.settings.path) if context.settings.path else context.folders.data

    def _path(self, reference: str) -> Path:
        return self._folder / f"{check(reference, 'file')}{_ENDING}"

    def _present(self, reference: str) -> Path:
        path = self._path(reference)
        if not path.exists():
            raise NotFound(f"{self._context.name} has no model {reference}", next_step="papin providers refresh")
        return path

    def _free(self, reference: str) -> Path:
        path = self._path(reference)
        if path.exists():
            raise Conflict(f"{self._context.name} has a model {reference} already", next_step="Choose another name.")
        return path

    async def _misbehave(self) -> Any:
        if self._behaviour == "hangs":
            await trio.sleep_forever()
        if self._behaviour == "fails":
            raise ProviderFailed(f"{self._context.name} is broken", next_step="Mend it.")
        if self._behaviour == "crashes":
            raise RuntimeError("a bug")
        await trio.lowlevel.checkpoint()
        return None

    # --- what it is and has

    async def engine(self) -> Engine:
        """Return the folder as a program; see `papin.providers.Reports`."""
        await self._misbehave()
        if self._behaviour == "absent":
            raise EngineMissing("there is no folder", next_step="Make one.")
        return Engine(name="folder", version="1", path=str(self._folder))

    async def models(self) -> Listing:
        """Return the files; see `papin.providers.Lists`."""
        await self._misbehave()
        if self._behaviour == "lies":
            return "everything"  # type: ignore[return-value]
        if self._behaviour == "floods":
            return _flood()
        stamps = stamp([self._folder])
        if self._behaviour == "absent":
            return Listing(stamps=stamps, is_present=False)
        files = sorted(self._folder.glob(f"*{_ENDING}"))
        return Listing(models=tuple(map(_listed, files)), stamps=stamps)

    async def show(self, reference: str) -> ProviderDetails:
        """Return what is set for it; see `papin.providers.Shows`."""
        noted = {key: str(value) for key, value in (await self.settings(reference)).items()}
        return ProviderDetails(reference=reference, template=noted.get("template", ""), parameters=noted)

    # --- changing what it has

    async def pull(self, reference: str, report: Callable[[Progress], None]) -> None:
        """Take a model from the folder `source`; see `papin.providers.Pulls`."""
        source = Path(self._context.settings.source or self._folder / "none") / f"{check(reference, 'file')}{_ENDING}"
        if not source.exists():
            raise NotFound(f"there is no {reference} to pull", next_step="Choose another one.")
        size = source.stat().st_size
        report(Progress(phase="downloading", total=size))
        await trio.lowlevel.checkpoint()
        link(source, self._path(reference), allow_copy=True)
        report(Progress(phase="downloading", done=size, total=size))

    async def remove(self, reference: str) -> None:
        """Remove the file; see `papin.providers.Removes`."""
        await trio.lowlevel.checkpoint()
        self._present(reference).unlink()
        await self.unload(reference)
        self._notes(reference).unlink(missing_ok=True)

    async def copy(self, reference: str, to: str) -> None:
        """Link the file; see `papin.providers.Copies`."""
        await trio.lowlevel.checkpoint()
        link(self._present(reference), self._free(to))

    async def rename(self, reference: str, to: str) -> None:
        """Rename the file; see `papin.providers.Renames`."""
        await trio.lowlevel.checkpoint()
        self._present(reference).rename(self._free(to))

    async def share(self, model: Model, paths: Sequence[Path], *, name: str, copy: bool) -> Placement:
        """Link the file; see `papin.providers.Shares`."""
        await self._misbehave()
        reference = name or model.id
        target = self._path(reference)
        if target.exists() and not is_same_file(paths[0], target):
            self._free(reference)
        how = link(paths[0], target, allow_copy=copy)
        if self._behaviour == "hangs-sharing":
            print("linked, and hanging", file=sys.stderr, flush=True)  # noqa: T201  a test waits for it
            await trio.sleep_forever()
        return Placement(provider=self._context.name, reference=reference, how=how)

    async def unshare(self, reference: str) -> None:
        """Remove the link; see `papin.providers.Shares`."""
        await trio.lowlevel.checkpoint()
        self._path(reference).unlink(missing_ok=True)

    # --- running

    async def load(self, model: Model, settings: LoadSettings) -> LoadedModel:
        """Note that it is loaded; see `papin.providers.Loads`."""
        await self._misbehave()
        if self._behaviour == "idle":
            raise EngineMissing(f"{self._context.name} does not run now", next_step="Start it.")
        reference = reference_of(model, self._context.name)
        if reference is not None:
            self._present(reference)
        elif self._context.settings.runs_files:
            await self._context.files.paths(model)
            reference = make_id(model.id.replace(":", "-"), ())
        else:
            raise NotFound(f"{self._context.name} has no {model.id}", next_step=f"papin models share {model.id}")
        mark = self._mark(reference)
        if not mark.exists():
            mark.write_text(f"{datetime.now(UTC).isoformat()} {settings.n_ctx or ''}")
        return self._loaded(mark)

    async def unload(self, reference: str) -> bool:
        """Take the note away; see `papin.providers.Loads`."""
        await trio.lowlevel.checkpoint()
        try:
            self._mark(reference).unlink()
        except FileNotFoundError:
            return False
        return True

    def end(self, reference: str) -> None:
        """Behave as a program that takes a model out of memory by itself, and tells."""
        self._mark(reference).unlink()
        self._context.publish(ModelUnloaded(model=reference, provider=self._context.name, reason="idle"))

    async def loaded(self) -> Sequence[LoadedModel]:
        """Return what is noted; see `papin.providers.Loads`."""
        await self._misbehave()
        return [self._loaded(mark) for mark in sorted(self._folder.glob("*.loaded"))]

    def _mark(self, reference: str) -> Path:
        return self._folder / f"{check(reference, 'file')}.loaded"

    def _loaded(self, mark: Path) -> LoadedModel:
        reference = mark.name.removesuffix(".loaded")
        at, _, n_ctx = mark.read_text().partition(" ")
        asked = mark.with_suffix(".answering")
        return LoadedModel(
            model=reference,
            reference=reference,
            provider=self._context.name,
            address="",
            loaded_at=datetime.fromisoformat(at),
            n_ctx=int(n_ctx) if n_ctx else None,
            answering=int(asked.read_text()) if asked.exists() else None,
        )

    async def measure(self, model: Model, settings: LoadSettings, report: Callable[[Progress], None]) -> Speed:
        """Measure nothing, and say what it would be; see `papin.providers.Measures`."""
        report(Progress(phase="measuring", done=0, total=2))
        await self._misbehave()
        await self._context.files.paths(model)
        if self._behaviour == "hangs-measuring":
            await trio.sleep_forever()
        if self._behaviour == "mismeasures":
            return "fast"  # type: ignore[return-value]
        report(Progress(phase="measuring", done=2, total=2))
        return Speed(
            engine="folder",
            prompt_n=512,
            prompt_per_second=100.0,
            predicted_n=128,
            predicted_per_second=12.5,
            settings=settings,
        )

    @asynccontextmanager
    async def chat(
        self, loaded: LoadedModel, messages: Sequence[Message], options: dict[str, Any]
    ) -> AsyncIterator[AsyncIterator[Reply]]:
        """Say what was said, and what it was told to do; see `papin.providers.Chats`."""
        said = " ".join(f"{each.role}:{each.content}" for each in messages)
        async with aclosing(_echo(f"{said} {json.dumps(options, sort_keys=True)}")) as replies:
            yield replies

    @asynccontextmanager
    async def complete(
        self, loaded: LoadedModel, prompt: str, options: dict[str, Any]
    ) -> AsyncIterator[AsyncIterator[Reply]]:
        """Say the prompt; see `papin.providers.Completes`."""
        async with aclosing(_echo(prompt)) as replies:
            yield replies

    async def embed(self, loaded: LoadedModel, texts: Sequence[str]) -> Embeddings:
        """Return the lengths of the texts; see `papin.providers.Embeds`."""
        await trio.lowlevel.checkpoint()
        return Embeddings(vectors=tuple((float(len(text)), 1.0) for text in texts), prompt_n=len(texts))

    # --- settings

    def _notes(self, reference: str) -> Path:
        return self._folder / f"{check(reference, 'file')}.json"

    async def settings(self, reference: str) -> Mapping[str, str | int | float | bool]:
        """Return what is noted; see `papin.providers.Configures`."""
        await trio.lowlevel.checkpoint()
        self._present(reference)
        notes = self._notes(reference)
        found: dict[str, str | int | float | bool] = json.loads(notes.read_text()) if notes.exists() else {}
        return found

    async def fixed(self, reference: str) -> str:
        """Return what the settings say; see `papin.providers.Fixed`."""
        await trio.lowlevel.checkpoint()
        return self._context.settings.fixed

    async def configure(self, reference: str, settings: Mapping[str, str | int | float | bool | None]) -> None:
        """Note it; see `papin.providers.Configures`."""
        merged = {**await self.settings(reference), **settings}
        kept = {key: value for key, value in merged.items() if value is not None}
        self._notes(reference).write_text(json.dumps(kept))


@cache
def _flood() -> Listing:
    # Made once: a real flood comes over a socket, and does not take the loop's time for its making.
    return Listing(models=(ProviderModel(reference="x"),) * 1_000_000)


def _listed(path: Path) -> ProviderModel:
    size = path.stat().st_size
    file = ProviderFile(name=path.name, size=size, path=str(path))
    modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return ProviderModel(
        reference=path.name.removesuffix(_ENDING), files=(file,), size=size, format="gguf", modified_at=modified
    )


async def _echo(text: str) -> AsyncGenerator[Reply, None]:
    words = text.split(" ")
    for word in words:
        await trio.lowlevel.checkpoint()
        yield Reply(text=f"{word} ")
    yield Reply(finish_reason="stop", timings=Timings(predicted_n=len(words), predicted_ms=1.0))


@asynccontextmanager
async def _open(context: Context[FolderSettings]) -> AsyncIterator[FolderProvider]:
    if context.settings.behaviour == "hangs-opening":
        await trio.sleep_forever()
    yield FolderProvider(context)


folder_provider = Provider(
    name="folder",
    summary="Keeps models in a folder, and answers with echoes.",
    open=_open,
    formats=("gguf",),
    accepts=ModelSettings.__struct_fields__,
    settings=FolderSettings,
)


@hookimpl
def papin_providers() -> Iterable[Provider]:
    """Register the provider `folder`."""
    yield folder_provider
