"""The sampling options that a chat may have, by llama.cpp's names."""

from __future__ import annotations

from typing import Any

from papin.errors import ConfigInvalid
from papin.names import nearest

__all__ = ["translate"]

_KNOWN = frozenset(
    {
        "cache_prompt",
        "chat_template_kwargs",
        "dry_allowed_length",
        "dry_base",
        "dry_multiplier",
        "dry_penalty_last_n",
        "dry_sequence_breakers",
        "dynatemp_exponent",
        "dynatemp_range",
        "frequency_penalty",
        "grammar",
        "ignore_eos",
        "json_schema",
        "logit_bias",
        "min_keep",
        "min_p",
        "mirostat",
        "mirostat_eta",
        "mirostat_tau",
        "n_keep",
        "n_predict",
        "n_probs",
        "presence_penalty",
        "reasoning_format",
        "repeat_last_n",
        "repeat_penalty",
        "response_format",
        "samplers",
        "seed",
        "stop",
        "t_max_predict_ms",
        "temperature",
        "top_k",
        "top_n_sigma",
        "top_p",
        "typical_p",
        "xtc_probability",
        "xtc_threshold",
    }
)
_OTHER_NAMES = {
    "max_tokens": "n_predict",
    "max_completion_tokens": "n_predict",
    "num_predict": "n_predict",
    "temp": "temperature",
}


def translate(options: dict[str, Any]) -> dict[str, Any]:
    """Return `options` as the server takes them.

    Raises:
        ConfigInvalid: there is no such option; llama.cpp would ignore it without a word.
    """
    # Whatever a model thinks aloud belongs to the answer: nothing that was generated is held back.
    translated: dict[str, Any] = {"reasoning_format": "none"}
    for given, value in options.items():
        name = _OTHER_NAMES.get(given, given)
        if name not in _KNOWN:
            near = nearest(name, _KNOWN) or ["temperature", "top_p", "n_predict"]
            raise ConfigInvalid(f"llama.cpp has no option {given!r}", next_step=f"There is: {', '.join(near)}")
        translated[name] = [value] if name == "stop" and isinstance(value, str) else value
    return translated
