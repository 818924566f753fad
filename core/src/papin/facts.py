"""All that is known of one thing, as labels and texts: for a model that is here, or one that could be installed.

Functions from values to text for people, made harmless for a terminal (`papin.safe`); what is not known is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from papin import words
from papin.safe import line, name

if TYPE_CHECKING:
    from papin.answers import ProviderStatus, Setting, SettingsView
    from papin.discovery import ModelPage
    from papin.models import LoadedModel, Model, Speed, StoredFile
    from papin.storages import Account

__all__ = [
    "Facts",
    "besides",
    "lines",
    "loaded",
    "of_account",
    "of_model",
    "of_page",
    "of_provider",
    "of_settings",
    "of_speeds",
    "set_by",
    "settings",
    "unreadable",
    "value_of",
]

Facts = Iterable[tuple[str, str]]
"""Labels and what is known; several may have the same label."""

_REVISION = 40
_LONG = 60


def of_model(model: Model, now: datetime) -> Facts:
    """Return everything about a model of this machine; its files last, one fact each."""
    facts = {
        "Model": model.id,
        "Came from": model.ref or model.source,
        "Revision": model.revision,
        "Installed": words.moment(model.installed_at),
        "Last used": f"{words.ago(model.last_used_at, now)}{_times(model.uses)}",
        "Format": model.format,
        "Architecture": model.architecture,
        "Parameters": words.compact(model.parameters),
        "Quantization": model.quantization,
        "Context length": _tokens(model.context_length),
        "Licence": model.license,
        "Capabilities": ", ".join(model.capabilities),
        "Favourite": "yes" if model.favourite else "",
        "Tags": ", ".join(model.tags),
        "Collections": ", ".join(model.collections),
        "Settings": settings(model),
        "Usable in": ", ".join(f"{each.provider} as {each.reference} ({each.how})" for each in model.placements),
        "Size": words.size(model.size),
    }
    files = [_file(file) for file in model.files] or [unreadable(model.unreadable)]
    return _known([*facts.items(), *(("File", each) for each in files)])


def of_page(page: ModelPage, now: datetime) -> Facts:
    """Return everything about a model that can be installed, but its variants."""
    entry = page.entry
    facts = {
        "Model": entry.ref,
        "Title": entry.title if entry.title != entry.name else "",
        "About": line(entry.summary),
        "Good for": ", ".join(entry.capabilities),
        "Publisher": entry.publisher,
        "Licence": entry.license,
        "Access": _access(page),
        "Architecture": entry.architecture,
        "Parameters": words.compact(entry.parameters),
        "Context length": _tokens(entry.context_length),
        "Inside": _inside(page),
        "Downloads": words.compact(entry.downloads),
        "Updated": words.ago(entry.updated_at, now) if entry.updated_at else "",
        "Revision": entry.revision[:_REVISION],
        "Web page": entry.homepage,
        "Also at": ", ".join(source.ref for source in page.sources if source.ref != entry.ref),
        "Here": ", ".join(page.installed),
    }
    return _known(facts.items())


def of_account(account: Account) -> Facts:
    """Return what a storage holds, and how much more it may."""
    facts = {
        "Folder": account.path,
        "Models": f"{words.size(account.used)} in {words.count(account.payloads, 'file')}",
        "Unfinished": words.size(account.staging) if account.staging else "",
        "Free": f"{words.size(account.free)} of {words.size(account.total)}",
        "Limit": words.size(account.limit) if account.limit is not None else "",
        "Kept free": words.size(account.reserve) if account.reserve else "",
    }
    return _known(facts.items())


def of_provider(status: ProviderStatus) -> Facts:
    """Return what a provider is and can do, and why it cannot do the rest: what has the same reason together."""
    engine = status.engine
    facts = {
        "Provider": status.name,
        "About": status.summary,
        "State": status.state,
        "Program": f"{engine.name} {engine.version}".rstrip() if engine else "",
        "Where": " ".join(filter(None, (engine.path, engine.address))) if engine else "",
        "From": f"{status.distribution} {status.version}".rstrip(),
        "Runs": ", ".join(status.formats),
        "Can": ", ".join(status.capabilities),
        "Takes": ", ".join(status.accepts),
        "In memory": ", ".join(map(loaded, status.loaded)) or "nothing",
    }
    reasons: dict[str, list[str]] = {}
    for what, why in status.lacks.items():
        reasons.setdefault(why, []).append(what)
    lacks = [("Cannot", f"{', '.join(whats)}. {line(why)}") for why, whats in reasons.items()]
    return _known([*facts.items(), *lacks])


def of_settings(view: SettingsView) -> Facts:
    """Return the settings of a model that somebody has set, each with who did, and what its program has besides."""
    told = {each.name: _setting(each, view.provider) for each in view.settings if each.value is not None}
    return _known([*told.items(), *((what, f"{text} ({view.provider})") for what, text in besides(view))])


def besides(view: SettingsView) -> Facts:
    """Return what the program that runs a model has for it besides settings, each as one line that is not too long."""
    return [(what, _short(line(text))) for what, text in (("stop", view.stop), ("template", view.template)) if text]


def _short(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."


def loaded(found: LoadedModel, by: str = "") -> str:
    """Return a model in memory, `smollm2 (llamacpp, answering 1 request now)`, as far as that is to be told."""
    told = ", ".join(filter(None, [by, words.answering(found.answering) if found.answering else ""]))
    return f"{found.model} ({told})" if told else found.model


def of_speeds(speeds: Iterable[Speed], now: datetime) -> Facts:
    """Return how fast a model was measured to be, one fact for each machine."""
    return _known(
        ("Speed", f"{_rates(each)} ({each.engine}, {words.ago(each.measured_at, now)}, on {each.machine})")
        for each in speeds
    )


def _rates(speed: Speed) -> str:
    return f"{speed.predicted_per_second:.1f} tokens/s, prompts {speed.prompt_per_second:.0f} tokens/s"


def value_of(setting: Setting) -> str:
    """Return the value of a setting as one line, nothing where it has none."""
    if isinstance(setting.value, float):
        return f"{setting.value:g}"
    return "" if setting.value is None else line(str(setting.value))


def set_by(setting: Setting, provider: str) -> str:
    """Return who has set a setting, `provider` being what runs the model; nothing where nobody has."""
    return {"saved": "saved here", "provider": provider, "model": "the model", "engine": ""}[setting.source]


def _setting(setting: Setting, provider: str) -> str:
    by = set_by(setting, provider)
    refused = "" if setting.is_taken else f"; {provider} cannot take it"
    return f"{value_of(setting)}{by and f' ({by})'}{refused}"


def settings(model: Model) -> str:
    """Return what the user saved for a model, `n_ctx = 4096, temperature = 0.2`."""
    return ", ".join(f"{key} = {value}" for key, value in sorted(model.settings.items()))


def lines(facts: Facts) -> str:
    """Return a line for each fact, the texts below each other."""
    shown = list(facts)
    long = max((len(label) for label, _ in shown), default=0) + 2
    return "".join(f"{label + ':':<{long}}{text}\n" for label, text in shown)


def unreadable(folder: str) -> str:
    """Return where files lie that papin may not read, and so cannot tell; nothing for no folder."""
    return f"in {folder}, which you may not read" if folder else ""


def _known(facts: Iterable[tuple[str, str]]) -> Facts:
    return [(label, name(text)) for label, text in facts if text]


def _tokens(context_length: int | None) -> str:
    return f"{context_length} tokens" if context_length else ""


def _times(uses: int) -> str:
    return f", {words.count(uses, 'time')} in all" if uses else ""


def _file(file: StoredFile) -> str:
    digest = f", sha256 {file.sha256}" if file.sha256 else ""
    return f"{file.name} ({file.role}, {words.size(file.size)}{digest})"


def _access(page: ModelPage) -> str:
    if page.entry.access == "gated":
        where = page.entry.homepage or "its web page"
        return f"accept its licence at {where}, then: papin login {_host(page)}"
    return f"private: papin login {_host(page)} gives papin your token" if page.entry.access == "private" else ""


def _host(page: ModelPage) -> str:
    """Return who wants the token: where its files come from, else where its page is."""
    sources = (source for each in page.variants for file in each.variant.files for source in file.sources)
    urls = (str(url) for source in sources if (url := getattr(source, "url", "")))
    found = urlsplit(next(urls, page.entry.homepage))
    return f"http://{found.netloc}" if found.scheme == "http" else found.netloc or "HOST"


def _inside(page: ModelPage) -> str:
    header = page.header
    if header is None:
        return ""
    facts = [
        f"{header.layers} layers" if header.layers else "",
        f"{header.heads} heads" if header.heads else "",
        f"vocabulary of {header.vocabulary}" if header.vocabulary else "",
        "with a chat template" if header.has_chat_template else "",
        "without a chat template" if header.format == "gguf" and not header.has_chat_template else "",
        f"made by {header.metadata['producer_name']}" if header.metadata.get("producer_name") else "",
        f"inputs: {header.metadata['inputs']}" if header.metadata.get("inputs") else "",
        *header.warnings,
    ]
    return ", ".join(each for each in facts if each)
