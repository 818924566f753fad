"""What `papin` alone shows: how things stand, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from papin import sentences
from papin.answers import ProviderStatus
from papin.discovery import Update
from papin.facts import loaded
from papin.models import Job, LoadedModel, Model
from papin.safe import name
from papin.storages import Account
from papin_cli.views import models, storage

__all__ = ["UNFINISHED", "Overview", "Recorded", "begin", "next_steps", "recorded", "rest", "text"]

_SHOWN = 5
UNFINISHED = ("queued", "running", "paused", "interrupted")
"""The states of a job that is to be gone on with."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand; also the JSON of `papin --json`."""

    models: tuple[Model, ...]
    unfinished: tuple[Job, ...]
    updates: tuple[Update, ...] = ()
    loaded: tuple[LoadedModel, ...]
    providers: tuple[ProviderStatus, ...]
    storages: tuple[Account, ...]


class Recorded(NamedTuple):
    """How things stand, as far as nobody has to be asked: what is installed in words, and the model used last."""

    installed: str
    recent: str
    unfinished: tuple[Job, ...] = ()
    updates: tuple[Update, ...] = ()


def recorded(found: Overview) -> Recorded:
    """Return what of an overview is recorded."""
    recent = max(found.models, key=_last_used).id if found.models else ""
    return Recorded(sentences.models(found.models) if recent else "", recent, found.unfinished, found.updates)


def text(overview: Overview) -> str:
    """Return the overview for a person."""
    known = recorded(overview)
    return begin(known) + rest(overview, known)


def begin(found: Recorded) -> str:
    """Return the lines that can be shown at once."""
    return _lines(
        {
            "Installed": found.installed or "no models",
            "Updates": models.updatable(found.updates) if found.updates else "",
            "Unfinished": ", ".join(f"{job.subject} ({job.state})" for job in found.unfinished[:_SHOWN]),
        }
    )


def rest(overview: Overview, known: Recorded) -> str:
    """Return the lines behind those, and what to do next."""
    facts = {
        "Loaded": ", ".join(loaded(each, each.provider) for each in overview.loaded) or "nothing",
        "Runs on": ", ".join(each.name for each in _runners(overview)) or "nothing yet",
        "Disk": storage.space(overview.storages),
    }
    following = next_steps(overview, known)
    widest = max(len(command) for command, _ in following)
    steps = [f"  {command:<{widest}}  {what}" for command, what in following]
    return _lines(facts) + "\n".join(["", "Next:", *steps]) + "\n"


def _lines(facts: Mapping[str, str]) -> str:
    return "".join(f"{label + ':':<12}{name(fact)}\n" for label, fact in facts.items() if fact)


def next_steps(overview: Overview, known: Recorded) -> Sequence[tuple[str, str]]:
    """Return the commands that make sense now, each with what it does."""
    steps = []
    waiting = [job for job in known.unfinished if job.state in ("interrupted", "paused")]
    if waiting:
        steps.append((f"papin models download --resume {name(waiting[0].id)}", "go on with a download"))
    if known.updates:
        steps.append((models.update_step(known.updates), "bring in what is newer"))
    if known.recent:
        steps.append((f"papin run {name(known.recent)}", "chat with a model"))
        steps.append(("papin models list", "see all models"))
    else:
        steps.append(('papin run smollm2 "Hello"', "download a small model and ask it"))
        steps.append(("papin models recommend", "see what suits this machine"))
    if not _runners(overview):
        steps.append(("papin providers list", "see why no model can run"))
    return [*steps, ("papin --help", "see all commands")]


def _runners(overview: Overview) -> Sequence[ProviderStatus]:
    """Return the providers that run models now; others only keep some."""
    return [each for each in overview.providers if each.state == "ready" and "loads" in each.capabilities]


def _last_used(model: Model) -> float:
    return (model.last_used_at or model.installed_at).timestamp()
