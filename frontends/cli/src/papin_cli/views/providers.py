"""One provider: its program, what it can do and why not the rest, and the models that it has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from papin import words
from papin.answers import ProviderStatus, ProviderView
from papin.facts import lines, of_provider, unreadable
from papin.inventories import Inventory, Listing, ProviderDetails, ProviderModel
from papin.safe import line, name, prose
from papin.sentences import describe
from papin_cli._table import Column, render

__all__ = ["details", "problems", "refreshed", "said"]

_MODELS = (
    Column(title="MODEL", least=12),
    Column(title="SIZE", right=True),
    Column(title="QUANTIZATION", rank=2),
    Column(title="STATE", rank=1),
)


def details(view: ProviderView, width: int | None) -> str:
    """Return everything about a provider: facts, capabilities, what is missing and why, its models."""
    told = lines(of_provider(view.status))
    return told + _listing(view.inventory, width) + _problem(view.status)


def _listing(inventory: Inventory | None, width: int | None) -> str:
    if inventory is None:
        return ""
    models = inventory.listing.models
    if not models:
        return f"\nIt has no models.\n{_unused(inventory.listing)}"
    size = words.size(_bytes(models))
    total = f"{words.count(len(models), 'model')}, {size}, as told {words.moment(inventory.at)}"
    if inventory.listing.unreadable:
        total += f"\nTheir files are {name(unreadable(inventory.listing.unreadable))}."
    return f"\n{render(_MODELS, list(map(_row, models)), width)}\n{total}\n{_unused(inventory.listing)}"


def _bytes(models: Iterable[ProviderModel]) -> int:
    """Return the bytes of all models; a file that several of them have is counted once."""
    sizes: dict[str, int] = {}
    for model in models:
        files = {file.path: file.size for file in model.files if file.path}
        sizes |= files or {f"model {model.reference}": model.size}
    return sum(sizes.values())


def _unused(listing: Listing) -> str:
    if not listing.unused:
        return ""
    size = words.size(sum(file.size for file in listing.unused))
    files = words.count(len(listing.unused), "file")
    return f"Besides, {size} in {files} of no model: downloads that did not end, or left behind.\n"


def _row(model: ProviderModel) -> tuple[str, ...]:
    state = "" if model.state == "ready" else f"{model.state}: {model.problem}" if model.problem else model.state
    return name(model.reference), words.size(model.size), name(model.quantization), name(state)


def _problem(status: ProviderStatus) -> str:
    return f"\n{describe(status.problem)}\n" if status.problem else ""


def refreshed(found: Sequence[Inventory]) -> str:
    """Return a line for each provider that was asked."""
    return "".join(f"{name(each.provider)}: {_outcome(each)}\n" for each in found)


def _outcome(inventory: Inventory) -> str:
    if inventory.problem:
        return describe(inventory.problem)
    if not inventory.listing.is_present:
        return "it keeps no models, or is not here."
    return f"{words.count(len(inventory.listing.models), 'model')}."


def problems(found: Iterable[Inventory]) -> str:
    """Return what is wrong with the providers that were asked, and that what they had is listed still."""
    return "\n".join(f"{name(each.provider)}: {describe(each.problem)}" for each in found if each.problem)


def said(found: ProviderDetails) -> str:
    """Return what a program says of a model: its texts as they are, but for what a terminal would act upon."""
    facts = {**found.parameters, **{key: str(value) for key, value in found.metadata.items()}}
    lines = [f"{name(found.reference)}\n"]
    lines += [f"{name(key)} = {line(value)}\n" for key, value in facts.items()]
    texts = {"System prompt": found.system_prompt, "Template": found.template, "Licence": found.license}
    lines += [f"\n{title}:\n{prose(text).rstrip()}\n" for title, text in texts.items() if text]
    return "".join(lines)
