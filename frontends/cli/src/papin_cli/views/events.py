"""Events as sentences."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from papin import sentences, words
from papin.errors import Problem
from papin.events import (
    CatalogRefreshed,
    CleanupDone,
    DiskSpaceLow,
    DownloadCancelled,
    DownloadCompleted,
    DownloadFailed,
    DownloadInterrupted,
    DownloadPaused,
    DownloadProgressed,
    DownloadQueued,
    DownloadResumed,
    DownloadStarted,
    DownloadWarned,
    Envelope,
    Event,
    Lagged,
    ModelDamaged,
    ModelInstalled,
    ModelLoaded,
    ModelLoadFailed,
    ModelLoading,
    ModelRemoved,
    ModelUnloaded,
    ModelUpdateAvailable,
    PluginProblem,
    ProviderAppeared,
    ProviderChanged,
    ProviderVanished,
    RegistryRebuilt,
    UnknownEvent,
)
from papin.safe import line
from papin_cli.views import jobs

__all__ = ["describe", "text"]

_SHOWN = 5


def text(envelope: Envelope) -> str:
    """Return an event in one line: its number, the time on this machine's clock, and what happened."""
    number = "-" if envelope.seq is None else str(envelope.seq)
    return f"{number:>6}  {words.moment(envelope.at)}  {line(describe(envelope.event))}"


def describe(event: Event) -> str:
    """Return what happened in words; nothing of it is safe to print yet."""
    of_a_job = (_of_jobs, _of_their_breaks, _of_their_ends)
    kinds = (*of_a_job, _of_models, _of_memory, _of_providers, _of_space, _of_papin, _by_fields)
    return next(filter(None, (describe_kind(event) for describe_kind in kinds)))


def _of_jobs(event: Event) -> str:
    match event:
        case DownloadQueued():
            return f"job {event.job} was accepted: {event.subject}"
        case DownloadStarted():
            return f"job {event.job} began: {event.subject}, {words.size(event.total)}"
        case DownloadProgressed():
            return f"job {event.job} is {jobs.line(event.progress)}"
        case DownloadWarned():
            return f"job {event.job} warns: {event.message}"
    return ""


def _of_their_ends(event: Event) -> str:
    match event:
        case DownloadCompleted():
            return f"job {event.job} is completed: {event.model}"
        case DownloadCancelled():
            return f"job {event.job} was cancelled"
        case DownloadFailed():
            return f"job {event.job} failed: {_problem(event.problem)}"
    return ""


def _of_their_breaks(event: Event) -> str:
    match event:
        case DownloadInterrupted():
            return f"job {event.job} was interrupted: papin models download --resume {event.job}"
        case DownloadPaused():
            return f"job {event.job} was paused"
        case DownloadResumed():
            return f"job {event.job} goes on: {event.subject}"
    return ""


def _of_models(event: Event) -> str:
    match event:
        case ModelInstalled():
            return f"{event.model} installed, {words.size(event.size)}"
        case ModelRemoved():
            return f"{event.model} removed, {sentences.freed(event.freed)}"
        case ModelDamaged():
            return f"{event.model} is damaged: {event.file}"
        case CatalogRefreshed():
            return f"{event.catalog} refreshed: {event.changed} new or changed, {event.gone} gone"
        case ModelUpdateAvailable():
            what = "new weights" if event.weights else "only its template or metadata is new"
            return f"{event.model} can be updated: {what}"
    return ""


def _of_memory(event: Event) -> str:
    match event:
        case ModelLoading():
            return f"{event.provider} is loading {event.model}"
        case ModelLoaded():
            return f"{event.provider} has loaded {event.model}"
        case ModelLoadFailed():
            return f"{event.provider} could not load {event.model}: {_problem(event.problem)}"
        case ModelUnloaded():
            return f"{event.provider} unloaded {event.model} ({event.reason})"
    return ""


def _of_providers(event: Event) -> str:
    match event:
        case ProviderAppeared():
            return f"{event.provider} is there"
        case ProviderVanished():
            return f"{event.provider} does not answer any more; what it had is still listed"
        case ProviderChanged():
            found = (_changed("has", event.added), _changed("has no longer", event.removed))
            return f"{event.provider} {', '.join(filter(None, found)) or 'has other versions of its models'}"
    return ""


def _changed(verb: str, models: Sequence[str]) -> str:
    shown = ", ".join(models[:_SHOWN]) + (f" and {len(models) - _SHOWN} more" if len(models) > _SHOWN else "")
    return f"{verb} {shown}" if models else ""


def _of_space(event: Event) -> str:
    match event:
        case DiskSpaceLow():
            return f"only {words.size(event.free)} are free at {event.path}"
        case CleanupDone():
            return f"clean-up removed {', '.join(event.models) or 'nothing'}, {sentences.freed(event.freed)}"
    return ""


def _of_papin(event: Event) -> str:
    match event:
        case PluginProblem():
            return f"plugin {event.plugin}: {_problem(event.problem)}"
        case RegistryRebuilt():
            models = words.count(event.models, "model")
            return f"the database was damaged and was rebuilt with {models}; the old one is {event.kept}"
        case Lagged(missed=0):
            return "the journal began anew; this is all it has"
        case Lagged():
            return f"{words.count(event.missed, 'event')} before this one are no longer kept"
        case UnknownEvent():
            return f"{event.type_name}: {event.raw.decode(errors='replace')}"
    return ""


def _by_fields(event: Event) -> str:
    """Return `model loaded: smollm2, llamacpp`: good enough for events that are little but a name."""
    fields: dict[str, object] = msgspec.to_builtins(event)
    kind = str(fields.pop("type")).replace("_", " ")
    return f"{kind}: {', '.join(str(value) for value in fields.values())}"


def _problem(problem: Problem) -> str:
    return f"{problem.code} {problem.message}"
