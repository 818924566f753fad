"""The seven hooks of papin. Hooks register, objects act.

A plugin is a distribution with an entry point in the group `papin`, whose value is a light module:

    [project.entry-points.papin]
    acme = "papin_acme.plugin"

Functions of that module that carry `@hookimpl` and the name of a hook are called once, when the kernel opens, each
under a guard of its own. They take no arguments, are sync, do no I/O, import nothing heavy, and yield frozen
descriptors. Everything that can block is a method of the object that a descriptor opens.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from papin._marks import PROJECT, hookimpl, hookspec

if TYPE_CHECKING:
    from papin.catalogs import Catalog
    from papin.formats import Format
    from papin.frontends import Frontend
    from papin.policies import CleanupPolicy
    from papin.providers import Provider
    from papin.recommenders import Recommender
    from papin.storages import Storage

__all__ = ["PROJECT", "HookSpecs", "hookimpl", "hookspec"]


class HookSpecs:
    """The hooks; each one's docstring says when it is called and is a complete plugin, which a test runs."""

    @hookspec
    def papin_providers(self) -> Iterable[Provider]:
        """Register programs that run or keep models.

        Called once when a kernel opens. What a descriptor opens lives in a task of its own from its first use until
        the kernel closes, and is used for as many models as it likes at once.

            from contextlib import aclosing, asynccontextmanager
            from datetime import UTC, datetime

            import trio

            from papin.hookspecs import hookimpl
            from papin.models import Engine, LoadedModel, Reply
            from papin.providers import Provider


            class Echo:
                def __init__(self):
                    self._loaded = {}

                async def engine(self):
                    await trio.lowlevel.checkpoint()
                    return Engine(name="echo", version="1")

                async def load(self, model, settings):
                    await trio.lowlevel.checkpoint()
                    fresh = LoadedModel(model=model.id, provider="echo", address="", loaded_at=datetime.now(UTC))
                    return self._loaded.setdefault(model.id, fresh)

                async def unload(self, model):
                    await trio.lowlevel.checkpoint()
                    return self._loaded.pop(model, None) is not None

                async def loaded(self):
                    await trio.lowlevel.checkpoint()
                    return tuple(self._loaded.values())

                @asynccontextmanager
                async def chat(self, loaded, messages, options):
                    async with aclosing(self._answer(messages[-1].content)) as replies:
                        yield replies

                async def _answer(self, text):
                    for word in text.split():
                        await trio.lowlevel.checkpoint()
                        yield Reply(text=f"{word} ")
                    yield Reply(finish_reason="stop")


            @asynccontextmanager
            async def open_echo(context):
                yield Echo()


            @hookimpl
            def papin_providers():
                yield Provider(
                    name="echo", summary="Says what it is told.", open=open_echo, formats=("gguf",), runs_files=True
                )
        """
        raise NotImplementedError

    @hookspec
    def papin_catalogs(self) -> Iterable[Catalog]:
        """Register places where models can be discovered.

        Called once when a kernel opens. What a descriptor opens is asked whenever somebody names a model; one that
        raises `NotFound` leaves the name to the other catalogs.

            from contextlib import asynccontextmanager

            import trio

            from papin.catalogs import Catalog, all_of
            from papin.errors import NotFound
            from papin.hookspecs import hookimpl
            from papin.models import CatalogEntry, HttpSource, Variant, WantedFile

            SOURCE = HttpSource(url="https://models.example/tiny-q8_0.gguf")
            TINY = Variant(
                ref="shelf:tiny:Q8_0",
                catalog="shelf",
                name="tiny",
                variant="Q8_0",
                quantization="Q8_0",
                files=(WantedFile(name="tiny-q8_0.gguf", size=1048576, sha256="5a" * 32, sources=(SOURCE,)),),
            )
            ENTRY = CatalogEntry(ref="shelf:tiny", catalog="shelf", name="tiny", title="Tiny", variants=(TINY,))


            class Shelf:
                async def resolve(self, name, variant):
                    await trio.lowlevel.checkpoint()
                    if name != "tiny" or variant not in (None, "Q8_0"):
                        raise NotFound("The shelf has no such model", next_step="Its only one is tiny.")
                    return TINY

                async def refresh(self, state):
                    await trio.lowlevel.checkpoint()
                    return all_of([ENTRY], state)


            @asynccontextmanager
            async def open_shelf(context):
                yield Shelf()


            @hookimpl
            def papin_catalogs():
                yield Catalog(name="shelf", prefix="shelf", summary="One tiny model.", open=open_shelf, local=True)
        """
        raise NotImplementedError

    @hookspec
    def papin_formats(self) -> Iterable[Format]:
        """Register model file formats.

        Called once when a kernel opens. `recognise` and `read` are called in a thread for every file that is
        installed or verified, and for files that are still on a server; they do no I/O themselves.

            import struct

            from papin.errors import FormatInvalid
            from papin.formats import Format, Span
            from papin.hookspecs import hookimpl
            from papin.models import Header

            MAGIC = b"ACME"


            def recognise(head):
                return head.startswith(MAGIC)


            def read(size):
                head = yield Span(0, 12)
                if len(head) < 12:
                    raise FormatInvalid("The file ends within its header", next_step="Download it again.")
                (weights,) = struct.unpack_from("<Q", head, 4)
                if 12 + 4 * weights > size:
                    raise FormatInvalid(f"{weights} weights do not fit in {size} bytes", next_step="Download it again.")
                return Header(format="acme", parameters=weights, header_bytes=12, expected_size=12 + 4 * weights)


            @hookimpl
            def papin_formats():
                yield Format(name="acme", summary="Acme weights.", suffixes=(".acme",), recognise=recognise, read=read)
        """
        raise NotImplementedError

    @hookspec
    def papin_storages(self) -> Iterable[Storage]:
        """Register places where model bytes live.

        Called once when a kernel opens. New models go to the storage that the configuration names (`storage = "box"`);
        every model is asked for where it was put. What `papin.storages` promises of each method is promised to people:
        this example, in one folder and for one process, shows the shape and not yet the care.

            import shutil
            from contextlib import asynccontextmanager
            from dataclasses import dataclass
            from pathlib import Path

            import msgspec
            import trio

            from papin.errors import NotFound
            from papin.hookspecs import hookimpl
            from papin.models import Model
            from papin.storages import Account, Room, Storage, hash_file


            @dataclass
            class Shelf:
                key: str
                folder: Path

                @property
                def data(self):
                    return self.folder / "data"


            class Box:
                def __init__(self, root):
                    self._root = root
                    self._locks = {}
                    for name in ("staging", "payloads", "models"):
                        (root / name).mkdir(exist_ok=True)

                @asynccontextmanager
                async def stage(self, key, *, size):
                    async with self._locks.setdefault(key, trio.Lock()):
                        shelf = Shelf(key, self._root / "staging" / key)
                        shelf.folder.mkdir(exist_ok=True)
                        yield shelf

                async def reserve(self, staging, *, size):
                    await trio.lowlevel.checkpoint()

                async def take(self, staging, path):
                    await trio.to_thread.run_sync(shutil.copyfile, path, staging.data)
                    return "copy"

                async def admit(self, staging, *, sha256, size, replaces=False):
                    await trio.lowlevel.checkpoint()
                    return staging.data.rename(self._payload(sha256))

                async def staged(self, key):
                    await trio.lowlevel.checkpoint()
                    data = self._root / "staging" / key / "data"
                    return data.stat().st_size if data.exists() else 0

                async def discard(self, key):
                    freed = await self.staged(key)
                    shutil.rmtree(self._root / "staging" / key, ignore_errors=True)
                    return freed

                async def sweep(self, *, before):
                    await trio.lowlevel.checkpoint()
                    return 0

                async def locate(self, sha256):
                    await trio.lowlevel.checkpoint()
                    return self._payload(sha256) if self._payload(sha256).exists() else None

                async def verify(self, sha256, *, report, into=None):
                    if await self.locate(sha256) is None:
                        return "missing"
                    payload = self._payload(sha256)
                    found = await trio.to_thread.run_sync(lambda: hash_file(payload, report=report, into=into))
                    return "ok" if found == sha256 else "damaged"

                async def frees(self, sha256):
                    await trio.lowlevel.checkpoint()
                    return self._payload(sha256).stat().st_size

                async def remove(self, sha256):
                    freed = await self.frees(sha256)
                    self._payload(sha256).unlink()
                    return freed

                async def remember(self, model):
                    await trio.lowlevel.checkpoint()
                    (self._root / "models" / model.id).write_bytes(msgspec.json.encode(model))

                async def forget(self, model):
                    await trio.lowlevel.checkpoint()
                    (self._root / "models" / model).unlink(missing_ok=True)

                async def remembered(self):
                    await trio.lowlevel.checkpoint()
                    files = sorted((self._root / "models").iterdir())
                    return [msgspec.json.decode(file.read_bytes(), type=Model) for file in files]

                async def paths(self, model):
                    for file in model.files:
                        if await self.locate(file.sha256) is None:
                            raise NotFound(f"{file.name} is missing", next_step=f"papin models verify {model.id}")
                    return [self._payload(file.sha256) for file in model.files]

                async def room(self, keys=()):
                    await trio.lowlevel.checkpoint()
                    disk = shutil.disk_usage(self._root)
                    return Room(path=str(self._root), free=disk.free, total=disk.total)

                async def account(self):
                    room = await self.room()
                    sizes = [file.stat().st_size for file in (self._root / "payloads").iterdir()]
                    held = {"payloads": len(sizes), "used": sum(sizes), "staging": 0}
                    return Account(path=room.path, free=room.free, total=room.total, **held)

                def _payload(self, sha256):
                    return self._root / "payloads" / sha256


            @asynccontextmanager
            async def open_box(context):
                yield Box(context.folders.data)


            @hookimpl
            def papin_storages():
                yield Storage(name="box", summary="One folder, without any finesse.", open=open_box)
        """
        raise NotImplementedError

    @hookspec
    def papin_cleanup_policies(self) -> Iterable[CleanupPolicy]:
        """Register rules for what may be removed.

        Called once when a kernel opens. `plan` is called when somebody asks what a cleanup would remove; nothing is
        removed without that person's consent, and never a favourite or a model that is loaded.

            from papin.hookspecs import hookimpl
            from papin.policies import CleanupPolicy, Removal


            def plan(inventory, now, settings):
                for model in sorted(inventory.models, key=lambda model: model.id):
                    if "scratch" in model.tags:
                        yield Removal(model=model.id, reason="it is tagged scratch", frees=inventory.frees[model.id])


            @hookimpl
            def papin_cleanup_policies():
                yield CleanupPolicy(name="scratch", summary="Models that are tagged scratch.", plan=plan)
        """
        raise NotImplementedError

    @hookspec
    def papin_recommenders(self) -> Iterable[Recommender]:
        """Register ways to rank models for this machine and user.

        Called once when a kernel opens. `recommend` is called when somebody asks what to install or to run.

            from papin.hookspecs import hookimpl
            from papin.recommenders import Recommendation, Recommender


            def recommend(machine, installed, candidates, settings, task):
                able = [each for each in candidates if not task or task in each.variant.capabilities]
                fitting = [each for each in able if each.memory and each.memory < machine.memory.available]
                fitting.sort(key=lambda each: (-each.memory, each.variant.ref))
                return [
                    Recommendation(ref=each.variant.ref, score=each.memory, reason="the largest that fits", fits=True)
                    for each in fitting
                ]


            @hookimpl
            def papin_recommenders():
                yield Recommender(name="largest", summary="The largest that fits.", recommend=recommend)
        """
        raise NotImplementedError

    @hookspec
    def papin_frontends(self) -> Iterable[Frontend]:
        """Register ways to talk to papin.

        Called once when `papin` starts, for the plugin that was asked for alone (`papin --frontend count`), and when a
        kernel opens, to be listed. Its `main` owns the event loop and returns the exit status.

            import trio

            from papin.frontends import Frontend
            from papin.hookspecs import hookimpl


            def main(launch):
                from papin.kernel import open_kernel

                async def count():
                    async with open_kernel() as kernel:
                        print(len(await kernel.models.list()), "models")

                trio.run(count)
                return 0


            @hookimpl
            def papin_frontends():
                yield Frontend(name="count", summary="Says how many models there are.", main=main)
        """
        raise NotImplementedError
