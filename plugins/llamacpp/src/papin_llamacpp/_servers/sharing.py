"""papin's models in a router's `--models-dir`, and its presets: what lies on this machine beside the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import trio

from papin import names
from papin.context import Context
from papin.errors import Conflict, FormatInvalid, PapinError, ProviderFailed, StorageFailed
from papin.http import is_loopback_url
from papin.links import write
from papin.models import How, Model, Placement
from papin.shares import share, take_back
from papin_llamacpp._servers import presets
from papin_llamacpp._servers.router import Router
from papin_llamacpp._servers.server import Server
from papin_llamacpp._servers.settings import ServerSettings
from papin_llamacpp._servers.wire import models_folder

__all__ = ["Sharing"]

_LARGEST = 1 << 20


class Sharing:
    """Writes beside a router; each change is followed by having the router read its folders anew."""

    def __init__(self, context: Context[ServerSettings], server: Server, router: Router) -> None:
        self._context = context
        self._server = server
        self._router = router

    async def share(self, model: Model, paths: Sequence[Path], *, name: str, copy: bool) -> Placement:
        """Link the files into `<models_dir>/<name>/`; see `papin.providers.Shares`."""
        if model.format != "gguf":
            raise FormatInvalid(f"llama.cpp does not run {model.format} models", next_step="Share a GGUF build of it.")
        called = names.check(name or model.id, "file")
        folder = await self._folder()
        how = await trio.to_thread.run_sync(self._link, folder, called, model, paths, copy)
        listed = {each.id: each for each in await self._server.models(reload=True)}
        if called not in listed:
            await trio.to_thread.run_sync(take_back, self._note(called))
            raise ProviderFailed(
                f"the router at {self._server.address} does not list what lies in {folder / called}",
                next_step="Is that its --models-dir? Older builds see new files only when they are started again.",
            )
        return Placement(provider=self._context.name, reference=called, how=how)

    def _link(self, folder: Path, called: str, model: Model, paths: Sequence[Path], copy: bool) -> How:  # noqa: FBT001
        if (folder / f"{called}.gguf").exists():
            raise Conflict(f"the router has a model called {called} already", next_step="Choose another name: --name.")
        files = {
            _file_name(file.name, file.role): path
            for file, path in zip(model.files, paths, strict=True)
            if file.role in {"weights", "mmproj"}
        }
        return share(folder / called, files, self._note(called), allow_copy=copy)

    async def unshare(self, reference: str) -> None:
        """Take back the links and the settings, and have the router forget the model."""
        called = names.check(reference, "file")
        if await trio.to_thread.run_sync(take_back, self._note(called)):
            # A preset without a model is a model that cannot be loaded.
            await trio.to_thread.run_sync(self._forget_presets, called)
            try:
                await self._server.models(reload=True)
            except PapinError:
                return  # it does not run, or not any more: then it reads its folder when it starts

    async def _folder(self) -> Path:
        """Return the router's folder of models, which is on this machine."""
        if not is_loopback_url(self._server.address):
            raise ProviderFailed(
                f"the llama-server at {self._server.address} is on another machine, whose folders papin cannot reach",
                next_step="Share with a server of this machine, or download the model over there.",
            )
        chosen = self._context.settings.models_dir
        folder = _expanded(chosen) if chosen else models_folder(await self._server.models())
        if folder is None:
            raise ProviderFailed(
                "the router does not tell where its models lie",
                next_step=f"papin config set providers.{self._context.name}.models_dir FOLDER (its --models-dir)",
            )
        if not await trio.Path(folder).is_dir():
            raise StorageFailed(f"there is no folder {folder}", next_step="Make it, and start the router with it.")
        return folder

    def _note(self, called: str) -> Path:
        return names.place(self._context.folders.data / "shares", f"{called}.json")

    @property
    def presets_file(self) -> Path:
        """The file of presets that papin writes."""
        chosen = self._context.settings.presets
        return _expanded(chosen) if chosen else self._context.folders.data / "presets.ini"

    async def settings(self, reference: str) -> Mapping[str, str | int | float | bool]:
        """Return what the presets hold for a model; see `papin.providers.Configures`."""
        await self._router.listed(reference)
        return presets.read(await trio.to_thread.run_sync(self._read_presets), reference)

    async def configure(self, reference: str, settings: Mapping[str, str | int | float | bool | None]) -> None:
        """Change the presets, and have the router read them; a model that runs is unloaded by that."""
        await self._router.listed(reference)
        await trio.to_thread.run_sync(self._edit_presets, reference, settings)
        await self._server.models(reload=True)
        in_force = presets.read((await self._router.listed(reference)).status.preset or "", reference)
        wanted = {setting: value for setting, value in settings.items() if value is not None}
        others = [setting for setting, value in wanted.items() if in_force.get(setting) != value]
        if others:
            raise self._not_in_force(others, nothing=len(others) == len(wanted))

    def _not_in_force(self, settings: list[str], *, nothing: bool) -> ProviderFailed:
        words = f"{', '.join(settings)} {'is' if len(settings) == 1 else 'are'} saved in {self.presets_file}"
        if not nothing:
            return ProviderFailed(
                f"{words}, but the router's own command line decides",
                next_step="Start the router without these options.",
            )
        return ProviderFailed(
            f"{words}, but the router does not read that file, or its own command line decides",
            next_step=f"Start it with --models-preset {self.presets_file}, or tell papin which file it reads: "
            f"papin config set providers.{self._context.name}.presets FILE",
        )

    def _read_presets(self) -> str:
        try:
            with self.presets_file.open(encoding="utf-8", errors="surrogateescape") as file:
                return file.read(_LARGEST)
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise StorageFailed(
                f"{self.presets_file} cannot be read: {error.strerror}", next_step="Look at its permissions."
            ) from error

    def _forget_presets(self, reference: str) -> None:
        if presets.read(self._read_presets(), reference):
            self._edit_presets(reference, dict.fromkeys(presets.FLAGS))

    def _edit_presets(self, reference: str, settings: Mapping[str, str | int | float | bool | None]) -> None:
        text = presets.edit(self._read_presets(), reference, settings)
        write(self.presets_file, text.encode(errors="surrogateescape"), replace=True)


def _expanded(path: str) -> Path:
    return Path(path).expanduser()


def _file_name(name: str, role: str) -> str:
    # A router takes a file that begins so for the projector of the model beside it.
    plain = names.make_file_name(name)
    return plain if role != "mmproj" or plain.startswith("mmproj") else f"mmproj-{plain}"
