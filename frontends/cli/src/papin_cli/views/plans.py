"""What an operation is about to do: downloads, removals, clean-ups."""

from __future__ import annotations

from collections.abc import Sequence

from papin.answers import DedupePlan, DownloadPlan, PlannedFile, RemovalPlan, space_text
from papin.policies import Removal
from papin_cli import _words
from papin_cli._safe import name
from papin_cli._table import Column, render

__all__ = ["cleanup", "dedupe", "deduped", "download", "download_summary", "freed", "removal", "removed"]

_FILES = (Column(title="FILE", least=16), Column(title="SIZE", right=True), Column(title="HERE ALREADY", right=True))
_REMOVALS = (
    Column(title="MODEL", least=12),
    Column(title="FREES", right=True),
    Column(title="WHY", least=16),
    Column(title="RULE", rank=1),
)


_TWICE = (
    Column(title="MODEL", least=12),
    Column(title="ALSO STORED BY", least=16),
    Column(title="FREES", right=True),
)


def download_summary(plan: DownloadPlan) -> str:
    """Return a download in two lines: what comes in, and how much room there is."""
    if plan.installed:
        return f"{name(plan.installed)} is installed already."
    size = "the size is not known yet" if plan.fetch is None else _words.size(plan.fetch)
    what = f"Downloading {name(plan.ref or plan.model)}: {size}"
    if plan.fetch != plan.size:
        what += f" of {_words.size(plan.size)}, the rest is here already"
    return "\n".join([f"{what}.", *(f"{name(space_text(space))}." for space in plan.spaces)])


def download(plan: DownloadPlan, width: int | None) -> str:
    """Return a download in full, file by file."""
    if plan.installed:
        return download_summary(plan) + "\n"
    rows = [(name(file.name), _words.size(file.size), _here(file)) for file in plan.files]
    verdict = "It fits." if plan.fits else "It does not fit."
    if plan.fits and plan.fetch is None:
        verdict = "Whether it fits is seen once its size is known."
    model = f"It would be installed as {name(plan.model)}. {verdict}"
    return f"{download_summary(plan)}\n{model}\n\n{render(_FILES, rows, width)}"


def _here(file: PlannedFile) -> str:
    """Return what is here of a file, and why."""
    if file.present:
        return "all, " + (f"as in {name(file.shared_with[0])}" if file.shared_with else "from before")
    return f"{_words.size(file.partial)}, unfinished" if file.partial else ""


def removal(plan: RemovalPlan) -> str:
    """Return what removing a model frees, and what stays and why."""
    lines = [f"Removing {name(plan.model)} frees {_words.size(plan.frees) if plan.frees else 'no space'}."]
    lines += [f"Stays: {name(kept.name)} ({_words.size(kept.size)}): {name(kept.reason)}." for kept in plan.keeps]
    if plan.owner:
        lines.append(f"It is a model of {name(plan.owner)}, which removes it.")
    lines += [
        f"Goes too: what papin made of it in {name(each.provider)}, {name(each.reference)}." for each in plan.takes_back
    ]
    if plan.loaded_by:
        lines.append(f"It is in memory now, loaded by {name(', '.join(plan.loaded_by))}.")
    return "\n".join(lines)


def freed(bytes_: int) -> str:
    """Return what became of the space of something that was removed; links from elsewhere can hold all of it."""
    return f"{_words.size(bytes_)} are free again" if bytes_ else "no space is freed"


def removed(plan: RemovalPlan) -> str:
    """Return what removing a model did."""
    return f"Removed {name(plan.model)}; {freed(plan.frees)}."


def cleanup(removals: Sequence[Removal], width: int | None) -> str:
    """Return what a clean-up would remove, and why."""
    if not removals:
        return "Nothing needs to go.\n"
    rows = [(name(each.model), _words.size(each.frees), name(each.reason), name(each.policy)) for each in removals]
    total = _words.size(sum(each.frees for each in removals))
    return f"{render(_REMOVALS, rows, width)}\n{_words.count(len(rows), 'model')}, {total}\n"


def dedupe(plan: DedupePlan, width: int | None) -> str:
    """Return which second copies would become links, and which stay and why."""
    left = "".join(f"Stays: {name(each)}.\n" for each in plan.left)
    if not plan.duplicates:
        return f"Nothing that papin has is stored a second time where a link could take its place.\n{left}"
    rows = [
        (name(each.model), name(f"{each.provider}:{each.reference}"), _words.size(each.size))
        for each in plan.duplicates
    ]
    total = f"{_words.count(len(rows), 'file')} stored twice, {_words.size(plan.frees)}"
    return f"{render(_TWICE, rows, width)}\n{total}\n{left}"


def deduped(plan: DedupePlan) -> str:
    """Return what replacing second copies did."""
    left = "".join(f"\nStays: {name(each)}." for each in plan.left)
    return f"Replaced {_words.count(len(plan.duplicates), 'file')} by links; {freed(plan.frees)}.{left}"
