"""The check list of one model: file integrity, model format, provider compatibility, memory. Pure halves first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from papin.answers import Check
from papin.errors import PapinError
from papin.machine import Machine
from papin.memory import estimate
from papin.models import Header, Model, StoredFile
from papin.shelf import is_foreign
from papin.sizes import size_text

Verdict = tuple[StoredFile, str]


def integrity_check(verdicts: Iterable[Verdict], model: Model) -> Check:
    """Judge the files by what the storage said of each: `ok`, `damaged` or `missing`."""
    bad = [f"{file.name} is {verdict}" for file, verdict in verdicts if verdict != "ok"]
    if not bad:
        return Check(name="file integrity", outcome="ok")
    return Check(
        name="file integrity",
        outcome="failed",
        reason="; ".join(bad),
        recommendation=f"papin models remove {model.id}, then fetch it again."
        if is_foreign(model)
        else f"papin models repair {model.id} brings in what is damaged, and nothing else.",
    )


def format_check(header: Header | None, error: PapinError | None) -> Check:
    """Judge what the format's reader said."""
    if header is not None:
        warned = "; ".join([*header.warnings, *_left_out(header)])
        return Check(name="model format", outcome="warning" if warned else "ok", reason=warned)
    reason = error.message if error else "no file of it could be read"
    return Check(
        name="model format",
        outcome="failed",
        reason=reason,
        recommendation=(error.next_step if error else "") or "Download the model again, or choose another one.",
    )


def _left_out(header: Header) -> Iterable[str]:
    """Tell what of a GGUF model is missing that llama.cpp does not load one without (`load_hparams`, llama-model.cpp).

    Most providers are built on it. It needs none of that of a projector, or of a part after the first.
    """
    if header.format != "gguf" or header.architecture in ("", "clip") or (header.shard and header.shard[0]):
        return
    needed = {
        "context_length": header.context_length,
        "embedding_length": header.embedding_length,
        "block_count": header.layers,
    }
    missing = [key for key, value in needed.items() if value is None]
    if missing:
        yield f"it does not say its {' or '.join(missing)}, without which llama.cpp does not load it"


def provider_check(runner: str, error: PapinError | None) -> Check:
    """Judge whether a provider here can run it."""
    if error is None:
        return Check(name="provider compatibility", outcome="ok", reason=f"{runner} runs it")
    return Check(name="provider compatibility", outcome="failed", reason=error.message, recommendation=error.next_step)


def memory_check(header: Header | None, model: Model, machine: Machine) -> Check:
    """Judge whether the estimate of what the model needs fits in the memory of this machine or of one of its GPUs."""
    if header is None:
        return Check(name="memory", outcome="skipped", reason="nothing is known of the model")
    weights = sum(file.size for file in model.files if file.role != "sidecar")
    n_ctx = model.settings.get("n_ctx")
    needed = estimate(header, weights, n_ctx if isinstance(n_ctx, int) else None)
    places = _places(machine)
    largest = max(places, key=lambda place: place.total)
    if needed > largest.total:
        return Check(
            name="memory",
            outcome="failed",
            reason=f"needs about {size_text(needed)} of memory, {size_text(largest.total)} are there{largest.words}",
            recommendation="Try a more quantized variant of this model, or a smaller context (n_ctx).",
        )
    freest = max(places, key=lambda place: place.free)
    chosen = next((place for place in places if needed <= place.free), freest)
    if needed > chosen.free:
        return Check(
            name="memory",
            outcome="warning",
            reason=f"needs about {size_text(needed)} of memory, {size_text(chosen.free)} are free now{chosen.words}",
            recommendation="Close other programs, or unload other models: papin models unload.",
        )
    reason = f"needs about {size_text(needed)}, {size_text(chosen.free)} are free{chosen.words}"
    return Check(name="memory", outcome="ok", reason=reason)


class _Place(NamedTuple):
    """Memory that a model can be loaded into, in bytes, and the words that say where it is."""

    total: int
    free: int
    words: str


def _places(machine: Machine) -> list[_Place]:
    """Return where a model can be, in the order in which it is put there: the GPUs, then main memory."""
    gpus = [_Place(gpu.memory or 0, gpu.memory_free or 0, f" on {gpu.name}") for gpu in machine.gpus]
    return [*gpus, _Place(machine.memory.total, machine.memory.available, "")]
