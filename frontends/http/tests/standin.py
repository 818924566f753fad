"""A kernel that keeps everything in memory, so that the server can be tested by itself; it behaves as the real one."""

from __future__ import annotations

from collections import deque
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime

import msgspec
import trio

from papin.answers import (
    CatalogStatus,
    DedupePlan,
    DownloadPlan,
    PlannedFile,
    PluginHook,
    PluginInfo,
    ProviderStatus,
    ProviderView,
    RemovalPlan,
    RepairPlan,
    Setting,
    SettingsView,
    Verification,
)
from papin.discovery import Card, Found, ModelPage, Refreshed, Row, Source, Update, UpdateCheck
from papin.errors import Conflict, InUse, NameInvalid, NotFound
from papin.events import DownloadQueued, Envelope, Lagged, encode
from papin.inventories import Inventory, Listing, ProviderDetails, ProviderModel
from papin.models import (
    CatalogEntry,
    Embeddings,
    Job,
    LoadedModel,
    LoadSettings,
    Model,
    Placement,
    Reply,
    Speed,
    StoredFile,
    Timings,
)
from papin.policies import Cleanup, Removal
from papin.recommenders import Recommendation
from papin.storages import Account

DEFAULTS = LoadSettings()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEED = Speed(
    prompt_n=512,
    prompt_per_second=210.5,
    predicted_n=128,
    predicted_per_second=34.25,
    engine="llama-bench",
    measured_at=NOW,
)


def a_model(name: str) -> Model:
    file = StoredFile(name=f"{name}.gguf", sha256="ab" * 32, size=3)
    return Model(id=name, ref=f"starter:{name}", files=(file,), installed_at=NOW, size=3)


class Frame:
    def __init__(self, envelope: Envelope) -> None:
        self.envelope = envelope
        self.data = encode(envelope)


class Subscription:
    def __init__(self, bus: StandInBus) -> None:
        self._bus = bus
        self._queue: deque[Frame] = deque()
        self._missed = 0
        self._wake = trio.Event()

    def __enter__(self):
        self._bus.subscriptions.append(self)
        return self

    def __exit__(self, *_):
        self._bus.subscriptions.remove(self)

    def offer(self, frame: Frame) -> None:
        if len(self._queue) >= self._bus.capacity or self._missed:
            self._missed += 1
        else:
            self._queue.append(frame)
        self._wake.set()

    def __aiter__(self):
        return self

    async def __anext__(self) -> Frame:
        while True:
            if self._queue:
                return self._queue.popleft()
            if self._missed:
                missed, self._missed = self._missed, 0
                return Frame(Envelope(at=NOW, event=Lagged(missed=missed)))
            self._wake = trio.Event()
            await self._wake.wait()


class StandInBus:
    def __init__(self) -> None:
        self.capacity = 16
        self.subscriptions: list[Subscription] = []

    def subscribe(self, capacity: int = 1024) -> Subscription:
        return Subscription(self)

    def publish_envelope(self, envelope: Envelope) -> None:
        for subscription in self.subscriptions:
            subscription.offer(Frame(envelope))


class StandInJournal:
    def __init__(self, bus: StandInBus) -> None:
        self._bus = bus
        self.recorded: list[Envelope] = []
        self._more = trio.Event()
        self.followers = 0

    def record(self, event) -> Envelope:
        envelope = Envelope(at=NOW, event=event, seq=len(self.recorded) + 1)
        self.recorded.append(envelope)
        self._bus.publish_envelope(envelope)
        more, self._more = self._more, trio.Event()
        more.set()
        return envelope

    def tell(self, event) -> None:
        self._bus.publish_envelope(Envelope(at=NOW, event=event))

    async def last_seq(self) -> int:
        return len(self.recorded)

    async def events(self, since=0, limit=1000):
        return self.recorded[since : since + limit]

    async def follow(self, since=None):
        seen = len(self.recorded) if since is None else since
        self.followers += 1
        try:
            while True:
                more = self._more
                for envelope in self.recorded[seen:]:
                    yield envelope
                    seen = envelope.seq
                if seen == len(self.recorded):
                    await more.wait()
        finally:
            self.followers -= 1


class StandInModels:
    def __init__(self) -> None:
        self.installed = {name: a_model(name) for name in ("qwen3-0.6b", "smollm2")}
        self.in_memory: set[str] = set()
        self.answering: set[str] = set()
        self.pieces = ["Blue", " light", " scatters."]
        self.fails_with: Exception | None = None
        self.fails_at = 0
        self.gate: trio.Event | None = None
        self.chats_open = 0
        self.asked: list = []

    async def list(self):
        return tuple(self.installed.values())

    async def show(self, ref):
        if self.fails_with and not self.pieces:
            raise self.fails_with
        try:
            return self.installed[ref]
        except KeyError:
            raise NotFound(f"No model is called {ref}.", next_step="papin models list") from None

    async def verify(self, ref):
        return Verification(model=(await self.show(ref)).id, checks=())

    async def measure(self, ref, settings=DEFAULTS, *, provider=None):
        self.asked.append((settings, provider))
        self.measured = {(await self.show(ref)).id: SPEED}
        return SPEED

    async def speeds(self, ref):
        return (self.measured[(await self.show(ref)).id],)

    async def plan_removal(self, ref):
        return RemovalPlan(model=(await self.show(ref)).id, frees=3, loaded_by=("llamacpp",) * (ref in self.in_memory))

    async def remove(self, ref, *, force=False):
        plan = await self.plan_removal(ref)
        if plan.loaded_by and not force:
            raise InUse(f"{ref} is loaded.", next_step=f"papin models unload {ref}")
        del self.installed[ref]
        return plan

    async def load(self, ref, settings=DEFAULTS, *, provider=None):
        self.asked.append((settings, provider))
        self.in_memory.add((await self.show(ref)).id)
        return LoadedModel(model=ref, provider=provider or "llamacpp", address="http://127.0.0.1:9", loaded_at=NOW)

    async def unload(self, ref, *, force=False):
        if ref in self.answering and not force:
            raise InUse(f"{ref} is answering.", next_step=f"papin models unload {ref} --force")
        there = (await self.show(ref)).id in self.in_memory
        self.in_memory.discard(ref)
        return there

    async def loaded(self):
        return ()

    @asynccontextmanager
    async def chat(self, ref, messages, *, options=None, settings=DEFAULTS, provider=None):
        await self.show(ref)
        self.asked.append((messages, options, settings))
        self.chats_open += 1
        try:
            async with aclosing(self._replies()) as replies:
                yield replies
        finally:
            self.chats_open -= 1

    def complete(self, ref, prompt, *, options=None, settings=DEFAULTS, provider=None):
        return self.chat(ref, prompt, options=options, settings=settings, provider=provider)

    async def embed(self, ref, texts, *, settings=DEFAULTS, provider=None):
        await self.show(ref)
        return Embeddings(vectors=tuple((float(len(text)),) for text in texts), prompt_n=len(texts))

    async def share(self, ref, provider, *, name="", copy=False):
        placement = Placement(provider=provider, reference=name or ref, how="copy" if copy else "hardlink")
        shared = msgspec.structs.replace(await self.show(ref), placements=(placement,))
        self.installed[ref] = shared
        return shared

    async def details(self, ref, *, provider=None):
        return ProviderDetails(reference=(await self.show(ref)).id, template="{{ .Prompt }}")

    async def copy(self, ref, to):
        self.installed[to] = msgspec.structs.replace(await self.show(ref), id=to)
        return self.installed[to]

    async def rename(self, ref, to):
        copied = await self.copy(ref, to)
        del self.installed[ref]
        return copied

    async def edit(self, ref, *, settings=None, favourite=None, add_tags=(), remove_tags=(), **collections):
        kept = {key: value for key, value in (settings or {}).items() if value is not None}
        old = await self.show(ref)
        tags = tuple(tag for tag in (*old.tags, *add_tags) if tag not in remove_tags)
        liked = old.favourite if favourite is None else favourite
        put = tuple(collections.get("add_collections", ()))
        self.installed[ref] = msgspec.structs.replace(old, settings=kept, favourite=liked, tags=tags, collections=put)
        return self.installed[ref]

    async def settings(self, ref, *, provider=None):
        saved = (await self.show(ref)).settings
        found = tuple(Setting(name=name, value=value, source="saved") for name, value in saved.items())
        return SettingsView(model=ref, provider=provider or "llamacpp", settings=found)

    async def configure(self, ref, provider, change):
        return SettingsView(model=ref, provider=provider, settings=(), configures=True)

    async def unshare(self, ref, provider):
        self.installed[ref] = msgspec.structs.replace(await self.show(ref), placements=())
        return self.installed[ref]

    async def _replies(self):
        for number, text in enumerate(self.pieces):
            if self.fails_with and number == self.fails_at:
                raise self.fails_with
            yield Reply(text=text)
        if self.gate is not None:
            await self.gate.wait()
        yield Reply(finish_reason="stop", timings=Timings(predicted_n=3))


class StandInDownloads:
    def __init__(self, journal: StandInJournal) -> None:
        self._journal = journal
        self.jobs: list[Job] = []
        self.asked: list = []

    async def plan(self, ref, *, name=None, sha256=None, share_with=""):
        self._check_provider(share_with)
        file = PlannedFile(name="m.gguf", size=3, partial=1)
        return DownloadPlan(ref=ref, model=name or "m", files=(file,), size=3, fetch=2, free=9, fits=True)

    async def start(self, ref, *, name=None, sha256=None, limit=None, between=None, share_with=""):
        self._check_provider(share_with)
        self.asked.append((ref, name, sha256))
        job = Job(
            id=f"j{len(self.jobs)}",
            kind="download",
            subject=ref,
            state="queued",
            created_at=NOW,
            updated_at=NOW,
            limit=limit,
            between=between or "",
        )
        self.jobs.append(job)
        self._journal.record(DownloadQueued(job=job.id, subject=ref))
        return job

    def _check_provider(self, name):
        if name not in {"", "llamacpp"}:
            raise NotFound(f"There is no provider {name}", next_step="Providers here: llamacpp.")

    async def pull(self, provider, ref):
        return await self.start(ref)

    async def import_from(self, provider, reference, *, name=None, copy=False):
        return await self.start(reference, name=name)

    async def list(self):
        return tuple(self.jobs)

    async def status(self, job_id):
        for job in reversed(self.jobs):
            if job_id in {job.id, job.model, job.subject}:
                return job
        raise NotFound(f"No download is called {job_id}.", next_step="papin models list")

    async def cancel(self, job_id, *, discard=False):
        self.discarded = discard
        return await self._become(job_id, "cancelled")

    async def pause(self, job_id):
        return await self._become(job_id, "paused")

    async def resume(self, job_id, *, limit=None, between=None):
        return await self._become(job_id, "running", limit=limit, between=between or "")

    limit_of = None

    async def limit_of_all(self):
        return self.limit_of

    async def limit(self, rate, job_id=""):
        if rate is not None and rate <= 0:
            raise NameInvalid(f"{rate} bytes a second is no limit", next_step="Give one above 0, or none.")
        if not job_id:
            self.limit_of = rate
            return None
        return await self._become(job_id, (await self.status(job_id)).state, limit=rate)

    async def _become(self, job_id, state, **changes):
        job = msgspec.structs.replace(await self.status(job_id), state=state, **changes)
        self.jobs = [job if each.id == job.id else each for each in self.jobs]
        return job


class Group:
    """A group whose `list` answers what it was given."""

    def __init__(self, *values) -> None:
        self._values = values

    async def entries(self, most=None):
        return self._values[:most]

    list = account = entries


class StandInProviders(Group):
    """What providers are and have."""

    async def show(self, name):
        for status in self._values:
            if status.name == name:
                return ProviderView(status=status, inventory=self._inventory(name))
        raise NotFound(f"There is no provider {name}.", next_step="Providers: llamacpp.")

    async def refresh(self, names=None):
        return tuple(self._inventory(name) for name in names or ("llamacpp",))

    def _inventory(self, name):
        return Inventory(provider=name, at=NOW, listing=Listing(models=(ProviderModel(reference="m"),)))


class StandInStorage(Group):
    """Where nothing is stored twice once it was asked."""

    deduped = False
    unused = (Removal(model="old", reason="nobody used it for 90 days", frees=7, policy="unused"),)

    async def plan_cleanup(self):
        return self.unused

    async def cleanup(self, removals):
        self.unused = ()
        return Cleanup(removed=tuple(removals), freed=sum(each.frees for each in removals))

    async def plan_dedupe(self):
        return DedupePlan(duplicates=(), frees=0 if self.deduped else 3)

    async def dedupe(self, plan):
        self.deduped = True
        return plan


class StandInDiscovery:
    def __init__(self, entry) -> None:
        self.card = Card(entry=entry, sources=(Source(ref=entry.ref, catalog=entry.catalog),), fit="memory")
        self.asked: list = []

    async def search(self, text="", *, limit=20, online=False):
        self.asked.append((text, limit, online))
        return Found(query=text, cards=(self.card,), entries=1)

    async def complete(self, text):
        return [f"{text}x"]

    async def rows(self):
        return (Row(name="popular", title="Popular", cards=(self.card,)),)

    async def browse(self, row, *, limit=20, task=""):
        if row == "recommended":
            return Row(name=row, title=f"Recommended: {task}", cards=(self.card,) * min(limit, 2))
        if row != "popular":
            raise NotFound(f"there is no row {row}", next_step="Rows: popular.")
        return (await self.rows())[0]

    async def show(self, ref):
        if ref != self.card.entry.ref:
            raise NotFound(f"no catalog has {ref}", next_step="papin catalogs list")
        return ModelPage(entry=self.card.entry, variants=())

    async def add(self, name, address):
        if not address.startswith("/"):
            raise NameInvalid(f"{address} is no whole path", next_step="Give one.")
        self.asked.append((name, address))
        return Refreshed(catalog=name, changed=2, models=2)

    async def remove(self, name):
        if name != "team":
            raise NotFound(f"there is no catalog {name} of your own", next_step="Catalogs of your own: team.")
        return Refreshed(catalog=name, gone=2)

    async def refresh(self, catalogs=()):
        return tuple(Refreshed(catalog=name, changed=1) for name in catalogs or ("starter",))


class StandInAdvice:
    async def recommend(self, task=""):
        if task not in ("", "code"):
            raise NotFound(f"there is no task {task}", next_step="Tasks: code.")
        return (Recommendation(ref="starter:smollm2", score=1, reason=f"made for {task}", fits=True),)


class StandInUpdates:
    def __init__(self, kernel) -> None:
        self._kernel = kernel
        self._update = Update(model="smollm2", ref="starter:smollm2", weights=True, size=3, fetch=2)

    async def available(self):
        return (self._update,)

    async def check(self, refs=()):
        outcome = "weights" if refs else "same"
        return (UpdateCheck(model="smollm2", ref="starter:smollm2", outcome=outcome),)

    async def start(self, ref):
        return await self._kernel.downloads.start((await self._kernel.models.show(ref)).ref)

    async def rollback(self, ref):
        return await self._kernel.models.show(ref)


class StandInRepairs:
    def __init__(self, kernel):
        self._kernel = kernel
        self.damaged = ()

    async def plan(self, ref):
        model = await self._kernel.models.show(ref)
        return RepairPlan(model=model.id, ref=model.ref, files=self.damaged, fetch=sum(e.fetch for e in self.damaged))

    async def start(self, plan):
        if not plan.files:
            raise Conflict(f"nothing of {plan.model} is damaged")
        return await self._kernel.downloads.start(plan.ref)


class StandIn:
    def __init__(self) -> None:
        self.bus = StandInBus()
        self.journal = StandInJournal(self.bus)
        self.models = StandInModels()
        self.downloads = StandInDownloads(self.journal)
        self.providers = StandInProviders(
            ProviderStatus(name="llamacpp", summary="", distribution="papin-llamacpp", version="0.1.0", state="ready")
        )
        entry = CatalogEntry(ref="starter:smollm2", catalog="starter", name="smollm2", title="SmolLM2")
        self.catalogs = Group(entry)
        self.catalogs.list = Group(
            CatalogStatus(name="starter", prefix="starter", summary="", local=True, state="ready")
        ).list
        self.discovery = StandInDiscovery(entry)
        self.updates = StandInUpdates(self)
        self.repairs = StandInRepairs(self)
        self.advice = StandInAdvice()
        self.catalogs.refresh = self.discovery.refresh
        self.catalogs.add = self.discovery.add
        self.catalogs.remove = self.discovery.remove
        self.storage = StandInStorage(Account(path="/store", payloads=1, used=3, staging=0, free=9, total=12))

    def plugins(self):
        hook = PluginHook(kind="provider", name="llamacpp", summary="")
        return (PluginInfo(name="llamacpp", distribution="papin-llamacpp", version="0.1.0", hooks=(hook,)),)
