"""What an operation is about to do: downloads, removals, clean-ups."""

from __future__ import annotations

from collections.abc import Sequence

from papin import words
from papin.answers import DedupePlan, DownloadPlan, PlannedFile
from papin.policies import Cleanup, Removal
from papin.safe import name
from papin.sentences import download_summary, download_verdict, freed
from papin_cli._table import Column, render

__all__ = ["cleanup", "dedupe", "deduped", "download"]

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


def download(plan: DownloadPlan, width: int | None) -> str:
    """Return a download in full, file by file."""
    if plan.installed:
        return download_summary(plan) + "\n"
    rows = [(name(file.name), words.size(file.size), _here(file)) for file in plan.files]
    return f"{download_summary(plan)}\n{download_verdict(plan)}\n\n{render(_FILES, rows, width)}"


def _here(file: PlannedFile) -> str:
    """Return what is here of a file, and why."""
    if file.present:
        return "all, " + (f"as in {name(file.shared_with[0])}" if file.shared_with else "from before")
    if file.reused:
        return f"about {words.size(file.reused)}, in the version before"
    return f"{words.size(file.partial)}, unfinished" if file.partial else ""


def cleanup(removals: Sequence[Removal], width: int | None) -> str:
    """Return what a clean-up would remove, and why."""
    if not removals:
        return "Nothing needs to go.\n"
    rows = [(name(each.model), words.size(each.frees), name(each.reason), name(each.policy)) for each in removals]
    total = words.size(sum(each.frees for each in removals))
    return f"{render(_REMOVALS, rows, width)}\n{words.count(len(rows), 'model')}, {total}\n"


def cleaned(done: Cleanup) -> str:
    """Return what a clean-up did."""
    left = "".join(f"\nStays: {name(each)}, which is in use." for each in done.left)
    return f"Removed {words.count(len(done.removed), 'model')}; {freed(done.freed)}.{left}"


def dedupe(plan: DedupePlan, width: int | None) -> str:
    """Return which second copies would become links, and which stay and why."""
    left = "".join(f"Stays: {name(each)}.\n" for each in plan.left)
    if not plan.duplicates:
        return f"Nothing that papin has is stored a second time where a link could take its place.\n{left}"
    rows = [
        (name(each.model), name(f"{each.provider}:{each.reference}"), words.size(each.size)) for each in plan.duplicates
    ]
    total = f"{words.count(len(rows), 'file')} stored twice, {words.size(plan.frees)}"
    return f"{render(_TWICE, rows, width)}\n{total}\n{left}"


def deduped(plan: DedupePlan) -> str:
    """Return what replacing second copies did."""
    left = "".join(f"\nStays: {name(each)}." for each in plan.left)
    return f"Replaced {words.count(len(plan.duplicates), 'file')} by links; {freed(plan.frees)}.{left}"
