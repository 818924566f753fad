"""What papin is made of: providers, catalogs, plugins, and the problems they have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from papin import words
from papin.answers import CatalogStatus, PluginInfo, ProviderStatus
from papin.errors import Problem
from papin.safe import name
from papin.sentences import describe
from papin_cli._table import Column, render

__all__ = ["catalogs", "plugins", "providers"]

_PROVIDERS = (
    Column(title="PROVIDER"),
    Column(title="STATE"),
    Column(title="PROGRAM", least=12, rank=1),
    Column(title="MODELS", right=True),
    Column(title="FORMATS", rank=3),
    Column(title="LOADED", least=12),
    Column(title="FROM", rank=2),
)
_CATALOGS = (
    Column(title="CATALOG"),
    Column(title="STATE"),
    Column(title="TYPE", least=12),
    Column(title="MODELS", right=True),
    Column(title="REFRESHED"),
    Column(title="ABOUT", least=16, rank=1),
)
_PLUGINS = (
    Column(title="PLUGIN"),
    Column(title="FROM"),
    Column(title="REGISTERS", least=16),
    Column(title="STATE"),
)


def providers(found: Sequence[ProviderStatus], width: int | None) -> str:
    """Return the providers that are here as a table, what is wrong with them, and those that are not here."""
    if not found:
        return "No plugin that runs models is installed.\nNext: pip install papin-llamacpp\n"
    # Where nothing can run a model, why that is so is what a person wants to know.
    is_usable = any(each.state == "ready" for each in found)
    here = [each for each in found if each.state != "missing" or not is_usable]
    missing = ", ".join(each.name for each in found if each not in here)
    rest = f"\nNot here: {name(missing)}.\n`papin providers show NAME` says why, and what a provider can do.\n"
    table = render(_PROVIDERS, list(map(_provider, here)), width)
    return table + _problems([(each.name, each.problem) for each in here]) + (rest if missing else "")


def _provider(status: ProviderStatus) -> tuple[str, ...]:
    engine = f"{status.engine.name} {status.engine.version}".rstrip() if status.engine else ""
    return (
        name(status.name),
        status.state,
        name(engine),
        "" if status.models is None else str(status.models),
        name(", ".join(status.formats)),
        name(", ".join(each.model for each in status.loaded)),
        name(f"{status.distribution} {status.version}"),
    )


def catalogs(found: Sequence[CatalogStatus], now: datetime, width: int | None) -> str:
    """Return the catalogs as a table, and below it what is wrong with them."""
    if not found:
        return "No catalog is installed.\nNext: pip install papin-starter\n"
    rows = [
        (
            name(each.name),
            each.state,
            f"{name(each.prefix)}:NAME",
            "" if each.models is None else str(each.models),
            words.ago(each.refreshed_at, now),
            name(each.summary),
        )
        for each in found
    ]
    return render(_CATALOGS, rows, width) + _problems([(each.name, each.problem) for each in found])


def plugins(found: Sequence[PluginInfo], width: int | None) -> str:
    """Return the plugins as a table, and below it what is wrong with them."""
    rows = [_plugin(each) for each in found]
    return render(_PLUGINS, rows, width) + _problems(
        [(each.name, problem) for each in found for problem in each.problems]
    )


def _plugin(info: PluginInfo) -> tuple[str, ...]:
    return (
        name(info.name),
        name(f"{info.distribution} {info.version}".strip()),
        name(", ".join(f"{hook.kind} {hook.name}" for hook in info.hooks)),
        "problem" if info.problems else "disabled" if info.disabled else "ok",
    )


def _problems(found: Sequence[tuple[str, Problem | None]]) -> str:
    return "".join(f"\n{name(who)}: {describe(problem)}\n" for who, problem in found if problem)
