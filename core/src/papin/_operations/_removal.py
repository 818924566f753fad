"""What removing a model frees and what stays, and why: the plan is pure, the sweep carries it out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from papin._operations._services import Services
from papin._operations._wanted import as_asked
from papin._registry import OPEN, Read
from papin.answers import KeptFile, RemovalPlan
from papin.models import Model, Placement
from papin.shelf import Shelf


def plan_removal(
    model: Model,
    users: Mapping[str, Sequence[str]],
    frees: Mapping[str, int],
    takes_back: Sequence[Placement] = (),
) -> RemovalPlan:
    """Return the plan; `users` says for each digest which models use it, `frees` what the storage would free.

    `takes_back` are the placements that go with the model; those of `model` beside them stay.
    """
    keeps, freed = [], {}
    for file in model.files:
        others = [user for user in users.get(file.sha256, ()) if user != model.id]
        freed[file.sha256] = 0 if others else frees.get(file.sha256, 0)
        if freed[file.sha256] < file.size:
            keeps.append(KeptFile(name=file.name, size=file.size, reason=_reason(model, others, takes_back)))
    return RemovalPlan(
        model=model.id,
        frees=sum(freed.values()),
        keeps=tuple(keeps),
        takes_back=tuple(takes_back),
    )


def _reason(model: Model, others: Sequence[str], takes_back: Sequence[Placement]) -> str:
    if others:
        return f"{', '.join(sorted(others))} uses it too"
    places = [f"{each.provider} has it as {each.reference}" for each in model.placements if each not in takes_back]
    return ", ".join(places) or "a file outside papin shares its bytes"


def dangling(placements: Iterable[Placement]) -> tuple[Placement, ...]:
    """Return those of papin's own placements that lead nowhere once the files of the model are gone."""
    return tuple(each for each in placements if each.how in ("symlink", "in-place"))


def plan_foreign_removal(model: Model, shelf: Shelf, links: Mapping[str, int]) -> RemovalPlan:
    """Return the plan for a model that only a provider has; `links` are how many names each of its files has, by path.

    What a provider does with a file that several of its models have is its own affair: it is taken to stay.
    """
    found = shelf.find(model.id)
    files = found[1].model.files if found and found[1] else ()
    elsewhere = f"papin has it as {found[0].owner}" if found and found[0].owner else "it has another name elsewhere"
    frees, keeps = 0, []
    for file in files:
        users = sorted(each.id for each in shelf.with_file(file) if each.id != model.id)
        if users or links.get(file.path, 1) > 1:
            reason = f"{', '.join(users)} uses it too" if users else elsewhere
            keeps.append(KeptFile(name=file.name, size=file.size, reason=reason))
        else:
            frees += file.size
    return RemovalPlan(
        model=model.id,
        frees=frees if files else model.size,
        keeps=tuple(keeps),
        owner=model.source,
    )


def unwanted(read: Read, but: str = "") -> list[tuple[str, str]]:
    """Return the payloads that neither a model nor a download that may go on has use for, as (storage, digest).

    The download `but` is taken not to go on.
    """
    leftovers = read.leftovers()
    if not leftovers:
        return []
    jobs = [job for job in read.jobs() if job.kind in ("download", "import") and job.state != "completed"]
    wanted = {key for job in jobs if job.id != but for key in as_asked(read.job_request(job.id)).keeps}
    return [place for place in leftovers if place[1] not in wanted]


def claims(read: Read, but: str = "") -> dict[str, list[str]]:
    """Return which downloads, all but one, are at each payload at this moment: their ids by its digest."""
    found: dict[str, list[str]] = {}
    for job in read.jobs():
        if job.kind in ("download", "import") and job.state in OPEN and job.id != but:
            for key in as_asked(read.job_request(job.id)).keeps:
                found.setdefault(key, []).append(job.id)
    return found


async def sweep(services: Services, unused: Sequence[tuple[str, str]], but: str = "") -> int:
    """Remove the payloads that no model uses, given as (storage, digest); return the bytes freed.

    Those that a download is at stay for it, whatever the download `but` would have. Call it while
    `services.committing()` is held. The registry keeps them as leftovers until their payloads are gone, so that a crash
    in between loses no space: the next start sweeps them.
    """
    claimed = await services.records.read(lambda read: claims(read, but))
    freed = 0
    for name, sha256 in unused:
        if sha256 in claimed:
            continue
        storage = await services.storage(name)
        freed += await storage.remove(sha256)
        await services.records.change(lambda write, sha256=sha256: write.drop_leftover(sha256))  # type: ignore[misc]
    return freed
