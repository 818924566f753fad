"""A router's presets (`--models-preset FILE`): papin's settings in that INI file, as pure functions over its text.

`[*]` holds for all models, `[id]` for one; keys are llama-server's flags without dashes, their short forms, or their
`LLAMA_ARG_` variables. What a person wrote in the file besides stays as it is, comments included.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from papin.errors import ConfigInvalid

__all__ = ["FLAGS", "edit", "pairs", "read"]

Setting = str | int | float | bool


class _Flag(NamedTuple):
    """A flag by the name that papin writes, and the other names that it may have in a file."""

    name: str
    others: tuple[str, ...]
    kind: type


FLAGS: Mapping[str, _Flag] = {
    "n_ctx": _Flag("ctx-size", ("c", "LLAMA_ARG_CTX_SIZE"), int),
    "n_gpu_layers": _Flag("n-gpu-layers", ("ngl", "gpu-layers", "LLAMA_ARG_N_GPU_LAYERS"), int),
    "n_threads": _Flag("threads", ("t", "LLAMA_ARG_THREADS"), int),
    "n_parallel": _Flag("parallel", ("np", "LLAMA_ARG_N_PARALLEL"), int),
    "flash_attn": _Flag("flash-attn", ("fa", "LLAMA_ARG_FLASH_ATTN"), bool),
    "cache_type_k": _Flag("cache-type-k", ("ctk", "LLAMA_ARG_CACHE_TYPE_K"), str),
    "cache_type_v": _Flag("cache-type-v", ("ctv", "LLAMA_ARG_CACHE_TYPE_V"), str),
    "temperature": _Flag("temp", ("temperature",), float),
    "top_k": _Flag("top-k", (), int),
    "top_p": _Flag("top-p", (), float),
    "min_p": _Flag("min-p", (), float),
    "repeat_penalty": _Flag("repeat-penalty", (), float),
    "seed": _Flag("seed", ("s",), int),
    "n_predict": _Flag("n-predict", ("n", "predict", "LLAMA_ARG_N_PREDICT"), int),
}
"""Each setting of papin that a preset can hold."""

_SECTION = re.compile(r"\s*\[(?P<name>[^\]\r\n]+)\]\s*(?:[;#].*)?")
_PAIR = re.compile(r"\s*(?P<key>[A-Za-z0-9_-]+)\s*=\s*(?P<value>.*?)\s*")
_AUTO = -1


def read(text: str, reference: str) -> dict[str, Setting]:
    """Return the settings that a file holds for one model, as far as papin has words for them."""
    names = {name: setting for setting, flag in FLAGS.items() for name in (flag.name, *flag.others)}
    found: dict[str, Setting] = {}
    for key, given in pairs(text, reference).items():
        setting = names.get(key)
        value = _value(FLAGS[setting].kind, given) if setting else None
        if setting and value is not None:
            found[setting] = value
    return found


def pairs(text: str, reference: str) -> dict[str, str]:
    """Return everything that a file holds for one model, as it is written."""
    lines = (_PAIR.fullmatch(line) for line in _lines(text, reference)[1])
    return {pair["key"]: pair["value"] for pair in lines if pair}


def _value(kind: type, text: str) -> Setting | None:
    if kind is bool:
        return {"on": True, "1": True, "true": True, "off": False, "0": False, "false": False}.get(text.lower())
    if kind is int and text == "auto":
        return _AUTO
    try:
        value: Setting = kind(text)
    except ValueError:
        return None
    return value


def edit(text: str, reference: str, settings: Mapping[str, Setting | None]) -> str:
    """Return the file with these settings of one model changed; None takes one away.

    Raises:
        ConfigInvalid: a preset cannot hold such a setting, or a model of that name.
    """
    written = {setting: _written(setting, value) for setting, value in settings.items() if value is not None}
    if not _SECTION.fullmatch(f"[{reference}]") or reference.strip() != reference or not reference.isprintable():
        raise ConfigInvalid(
            f"a preset cannot hold a model called {reference!r:.60}", next_step="Share it under a plainer name."
        )
    before, section, after = _lines(text, reference)
    gone = {name for setting in settings for name in _names(setting)}
    kept = [line for line in section if not ((pair := _PAIR.fullmatch(line)) and pair["key"] in gone)]
    while kept and not kept[-1].strip():
        kept.pop()
    lines = kept + [f"{FLAGS[setting].name} = {value}" for setting, value in written.items()]
    if not any(_PAIR.fullmatch(line) for line in lines) and not any(line.strip() for line in lines):
        return _joined([*before, *after])
    return _joined([*before, f"[{reference}]", *lines, "", *after])


def _names(setting: str) -> tuple[str, ...]:
    if setting not in FLAGS:
        raise ConfigInvalid(
            f"a router keeps no {setting} for its models", next_step=f"What it keeps: {', '.join(FLAGS)}."
        )
    flag = FLAGS[setting]
    return (flag.name, *flag.others)


def _written(setting: str, value: Setting) -> str:
    _names(setting)
    if FLAGS[setting].kind is bool:
        return "on" if value else "off"
    if setting == "n_gpu_layers" and value == _AUTO:
        return "auto"
    text = str(value)
    if not text.isprintable() or text != text.strip():
        raise ConfigInvalid(f"{setting} cannot be {text!r:.40}", next_step="Use a plain value.")
    return text


def _lines(text: str, reference: str) -> tuple[list[str], list[str], list[str]]:
    """Return the lines before a section (its heading left out), those of it, and those after it."""
    parts: tuple[list[str], list[str], list[str]] = ([], [], [])
    at = 0
    for line in text.splitlines():
        if heading := _SECTION.fullmatch(line):
            is_wanted = heading["name"].strip() == reference
            at = 1 if is_wanted and at == 0 else 2 if at else 0
            if is_wanted and at == 1:
                continue
        parts[at].append(line)
    return parts


def _joined(lines: list[str]) -> str:
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    return f"{text}\n" if text else ""
