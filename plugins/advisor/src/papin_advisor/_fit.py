"""The ranking: what fits comes first, then what is capable and still quick, and a little of what the user likes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import msgspec

from papin.machine import Machine
from papin.models import Model
from papin.recommenders import Candidate, Recommendation
from papin.sizes import size_text
from papin.variants import capability, speed
from papin_advisor._room import Room, need, room

__all__ = ["FitSettings", "recommend"]

_SLOW_IN_MAIN_MEMORY = 10_000_000_000
_SMALL = 3_000_000_000
_LIKED = 0.05
_INSTALLED = 0.15
_ABLE = 0.01  # for each capability: of two alike the one that can more
_POPULAR = 0.008  # for each power of ten of downloads: of two alike the one that more people took
# Who names no task wants to chat: what only completes code or turns texts into vectors is for those who ask for it.
_SPECIAL = 0.3
_SPECIALS = ("code", "embedding")
_ANSWERS = {"chat", "tools", "reasoning", "vision"}


class FitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which share of the main memory a model may take; the rest is for everything else that runs."""

    memory_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.75


def recommend(
    machine: Machine,
    installed: Sequence[Model],
    candidates: Sequence[Candidate],
    settings: FitSettings,
    task: str = "",
) -> list[Recommendation]:
    """Return `candidates`, best first. Scores above 0 fit; one point more means on the GPU.

    Without a task, what is told to do other things than chat comes after what fits as well and chats. With a task, only
    what is made for it is returned, and its reasons say so. Nobody's list of capabilities is whole: what can code or
    chat is told of few models, but one that is told of neither is not recommended for it.
    """
    space = room(machine, settings.memory_share)
    liked = _liked(installed)
    able = [each for each in candidates if not task or task in each.variant.capabilities]
    judged = {each.variant.ref: _for(task, each, _judge(each, space, liked)) for each in able}
    return sorted(judged.values(), key=lambda each: (-each.score, each.ref))


def _for(task: str, candidate: Candidate, judged: Recommendation) -> Recommendation:
    if task:
        return msgspec.structs.replace(judged, reason=f"made for {task}; {judged.reason}")
    able = set(candidate.variant.capabilities)
    special = [each for each in _SPECIALS if each in able]
    if not special or able & _ANSWERS or judged.score <= 0:
        return judged
    reason = f"made for {', '.join(special)} and not to chat; {judged.reason}"
    return msgspec.structs.replace(judged, score=round(judged.score * _SPECIAL, 6), reason=reason)


def _judge(candidate: Candidate, space: Room, liked: Counter[str]) -> Recommendation:
    needed = need(candidate)
    if needed is None:
        return _told(candidate, -2.0, "nobody says how large it is, so whether it fits is not known", fits=False)
    about = f"needs about {size_text(needed)}"
    if needed <= space.gpu:
        score = 1 + _worth(candidate, liked)
        return _told(candidate, score, f"{about} of the {space.gpu_words}; {_words(candidate, quick=True)}", fits=True)
    if needed <= space.main:
        score = _worth(candidate, liked) * speed(needed)
        quick = speed(needed) >= 1
        return _told(candidate, score, f"{about} of {space.main_words}; {_words(candidate, quick=quick)}", fits=True)
    most = max(space.gpu, space.main)
    too_much = f"{about}, and this machine has room for {size_text(most)}; a smaller quantization may fit"
    return _told(candidate, -needed / (needed + most + 1), too_much, fits=False)


def _told(candidate: Candidate, score: float, reason: str, *, fits: bool) -> Recommendation:
    reason = f"{reason}; installed already" if candidate.installed else reason
    return Recommendation(ref=candidate.variant.ref, score=round(score, 6), reason=reason, fits=fits, recommender="fit")


def _worth(candidate: Candidate, liked: Counter[str]) -> float:
    """Return a number above 0 and below 1 that grows with what a model can do."""
    variant = candidate.variant
    worth = 0.1 + 0.65 * capability(variant)
    worth += _ABLE * len(variant.capabilities) + _POPULAR * math.log10(1 + max(0, candidate.downloads or 0))
    if variant.architecture and liked.total():
        worth += _LIKED * liked[variant.architecture] / liked.total()
    return max(0.01, worth - (_INSTALLED if candidate.installed else 0))


def _words(candidate: Candidate, *, quick: bool) -> str:
    size = "small" if 0 < (candidate.variant.parameters or 0) <= _SMALL else "capable"
    if not quick:
        slow = (need(candidate) or 0) > _SLOW_IN_MAIN_MEMORY
        return f"{size}, but slow without a GPU" if slow else f"{size}, at a reading pace"
    return f"{size} and quick"


def _liked(installed: Sequence[Model]) -> Counter[str]:
    """Count the uses of each architecture; a favourite counts as five."""
    liked: Counter[str] = Counter()
    for model in installed:
        if model.architecture:
            liked[model.architecture] += min(model.uses, 100) + (5 if model.favourite else 0)
    return liked
