"""What every frontend says alike: errors, how jobs are, what a download or a removal is about to do.

Functions from values to text for people, made harmless for a terminal (`papin.safe`); no layout, no colours.
"""

from __future__ import annotations

from collections.abc import Sequence

from papin import words
from papin.answers import DownloadPlan, RemovalPlan, RepairPlan, space_text
from papin.discovery import Fit, Found, Refreshed
from papin.errors import Problem
from papin.models import CatalogEntry, Job, Model, Progress
from papin.safe import name, prose
from papin.sizes import duration_text

__all__ = [
    "amount",
    "describe",
    "doing",
    "download_summary",
    "download_verdict",
    "emptied",
    "fits",
    "freed",
    "models",
    "refreshed",
    "remaining",
    "removal",
    "removed",
    "repair",
    "sizes",
    "stage",
    "stale",
    "state",
    "unasked",
]

_DOING = {
    "queued": "Waiting",
    "resolving": "Looking",
    "downloading": "Downloading",
    "verifying": "Verifying",
    "committing": "Recording",
    "measuring": "Measuring",
}
_FITS: dict[Fit, str] = {"gpu": "on the GPU", "memory": "yes", "no": "no", "unknown": "?"}
_GUESSED: dict[Fit, str] = {"gpu": "likely", "memory": "likely", "no": "unlikely", "unknown": "?"}


def describe(problem: Problem) -> str:
    """Return an error in two lines: `CODE  Title: message`, and what to do next where that is known."""
    first = f"{name(problem.code)}  {name(problem.title)}: {prose(problem.message).strip()}"
    return f"{first}\nNext: {prose(problem.next_step).strip()}" if problem.next_step else first


def emptied(found: Found) -> str:
    """Return why a search found nothing, and what could be asked instead; one line without a full stop at its end."""
    nothing = f"Nothing is found for {name(found.query)}"
    if not found.emptied_by:
        return f"{nothing}, and no single word or filter is why: leave some of them out"
    if found.emptied_by == (found.query.partition(" sort:")[0],):  # to leave it out is to ask for nothing
        others = _others(found.instead.get(found.emptied_by[0], ()))
        return f"{nothing}: {others}" if others else nothing
    ways = (
        filter(None, (f"leave out {name(each)}", _others(found.instead.get(each, ())))) for each in found.emptied_by
    )
    return f"{nothing}: {'; or '.join(map(', or '.join, ways))}"


def _others(values: Sequence[str]) -> str:
    return f"put {' or '.join(map(name, values))} in its place" if values else ""


def unasked(catalogs: Sequence[str]) -> str:
    """Return of which catalogs nothing is known, or nothing where there are none; without a full stop at its end."""
    return f"Nothing is known yet of {_all(catalogs)}" if catalogs else ""


def stale(catalogs: Sequence[str]) -> str:
    """Return what is told of catalogs whose last refresh failed, or nothing; without a full stop at its end."""
    tells = "tells" if len(catalogs) == 1 else "tell"
    return f"{_all(catalogs)} could not be asked last and {tells} what was before" if catalogs else ""


def _all(catalogs: Sequence[str]) -> str:
    *others, last = map(name, catalogs)
    return f"{', '.join(others)} and {last}" if others else last


def doing(phase: str, kind: str) -> str:
    """Return what a job of that kind does in a phase, in one word: an import copies where a download downloads."""
    return "Copying" if (kind, phase) == ("import", "downloading") else _DOING.get(phase) or name(phase)


def amount(progress: Progress) -> str:
    """Return `12.0 MB of 98.4 MB`, or just what is done while the total is unknown; `3 of 8` of what has steps."""
    if progress.phase == "measuring":
        return f"{progress.done} of {progress.total}"
    done = words.size(progress.done)
    return done if progress.total is None else f"{done} of {words.size(progress.total)}"


def remaining(progress: Progress) -> str:
    """Return `3 min 5 s left`, or nothing while it is unknown or nothing is left; and whether it may not be ended.

    Where nothing comes, since when: `nothing since 14:05:09`.
    """
    if progress.silent_since is not None:
        return f"nothing since {progress.silent_since.astimezone():%H:%M:%S}"
    left = f"{duration_text(progress.remaining)} left" if progress.remaining else ""
    if progress.resumable:
        return left
    return f"{left} (cannot be resumed)" if left else "cannot be resumed"


def stage(job: Job) -> str:
    """Return what a job does now, in a few words: what its phase is, what it waits for, or how it ended."""
    if job.state == "running" and job.progress is not None:
        return doing(job.progress.phase, job.kind)
    return state(job)


def state(job: Job) -> str:
    """Return the state of a job, with the code of its error or what it waits for."""
    if job.error:
        return f"{job.state} ({name(job.error.code)})"
    return f"{job.state}, waits {name(job.waiting)}" if job.waiting else job.state


def download_summary(plan: DownloadPlan) -> str:
    """Return a download in two lines: what comes in, and how much room there is."""
    if plan.installed:
        return f"{name(plan.installed)} is installed already."
    size = "the size is not known yet" if plan.fetch is None else words.to_fetch(plan.fetch, plan.reused)
    what = f"Downloading {name(plan.ref or plan.model)}: {size}"
    if plan.fetch != plan.size:
        what += f" of {words.size(plan.size)}, the rest is here already"
    return "\n".join([f"{what}.", *(f"{name(space_text(space))}." for space in plan.spaces)])


def download_verdict(plan: DownloadPlan) -> str:
    """Return what the model would be called, and whether it fits."""
    verdict = "It fits." if plan.fits else "It does not fit."
    if plan.fits and plan.fetch is None:
        verdict = "Whether it fits is seen once its size is known."
    return f"It would be installed as {name(plan.model)}. {verdict}"


def removal(plan: RemovalPlan) -> str:
    """Return what removing a model frees, and what stays and why."""
    lines = [f"Removing {name(plan.model)} frees {words.size(plan.frees) if plan.frees else 'no space'}."]
    lines += [f"Stays: {name(kept.name)} ({words.size(kept.size)}): {name(kept.reason)}." for kept in plan.keeps]
    if plan.owner:
        lines.append(f"It is a model of {name(plan.owner)}, which removes it.")
    lines += [
        f"Goes too: what papin made of it in {name(each.provider)}, {name(each.reference)}." for each in plan.takes_back
    ]
    if plan.loaded_by:
        now = f", {words.answering(plan.answering)}" if plan.answering else ""
        lines.append(f"It is in memory now, loaded by {name(', '.join(plan.loaded_by))}{now}.")
    return "\n".join(lines)


def models(found: Sequence[Model]) -> str:
    """Return `2 models, 1.3 GB`: bytes that several models are known to share are counted once, others apart.

    Those are of models that this machine does not have, or not where papin can see them.
    """
    here = [model for model in found if not model.elsewhere]
    others = [model.size for model in found if model.elsewhere]
    payloads = {file.sha256 or (model.id, file.name): file.size for model in here for file in model.files}
    unseen = sum(model.size for model in here if model.unreadable)
    return words.models((len(here), sum(payloads.values()) + unseen), (len(others), sum(others)))


def freed(bytes_: int) -> str:
    """Return what became of the space of something that was removed; links from elsewhere can hold all of it."""
    return f"{words.size(bytes_)} are free again" if bytes_ else "no space is freed"


def removed(plan: RemovalPlan) -> str:
    """Return what removing a model did."""
    return f"Removed {name(plan.model)}; {freed(plan.frees)}."


def repair(plan: RepairPlan) -> str:
    """Return what of a model is damaged, and what repairing it fetches."""
    if not plan.files:
        return f"{name(plan.model)} is whole: there is nothing to repair."
    lines = [f"{name(each.name)} is {name(each.state)}." for each in plan.files]
    size = words.size(sum(each.size for each in plan.files))
    what = f"{words.size(plan.fetch)} of {size} to fetch" if plan.fetch else "nothing to fetch: all of it is here"
    return "\n".join([*lines, f"Repairing {name(plan.model)}: {what}."])


def refreshed(done: Refreshed) -> str:
    """Return what a refresh of one catalog brought, as one line, or two where it failed."""
    if done.problem is not None:
        return f"{name(done.catalog)}: {describe(done.problem)}"
    if not done.changed and not done.gone and not done.refused:
        return f"{name(done.catalog)}: nothing new"
    facts = [
        f"{words.count(done.changed, 'model')} new or changed" if done.changed else "",
        f"{done.gone} gone" if done.gone else "",
        f"{done.refused} refused" if done.refused else "",
    ]
    return f"{name(done.catalog)}: {', '.join(each for each in facts if each)}"


def sizes(entry: CatalogEntry) -> str:
    """Return how many parameters a model has, `7.2B`, or the fewest and the most of its variants, `600M-235B`."""
    return "-".join(dict.fromkeys(map(words.compact, entry.sizes)))


def fits(fit: Fit, *, guessed: bool) -> str:
    """Return whether a model fits on this machine; `guessed` where nobody tells how large it is."""
    return (_GUESSED if guessed else _FITS)[fit]
