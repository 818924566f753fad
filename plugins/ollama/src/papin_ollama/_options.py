"""The options of an answer and of loading, by llama.cpp's names, as Ollama takes them."""

from __future__ import annotations

from typing import Any

from papin.errors import ConfigInvalid
from papin.models import LoadSettings
from papin.names import nearest

__all__ = ["NAMES", "for_answer", "for_loading"]

NAMES = {
    "n_ctx": "num_ctx",
    "n_gpu_layers": "num_gpu",
    "n_threads": "num_thread",
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "repeat_penalty": "repeat_penalty",
    "seed": "seed",
    "n_predict": "num_predict",
}
"""Settings that papin and Ollama both know, by papin's names."""

_ANSWER = {
    **{name: theirs for name, theirs in NAMES.items() if name not in {"n_ctx", "n_gpu_layers", "n_threads"}},
    "frequency_penalty": "frequency_penalty",
    "n_keep": "num_keep",
    "presence_penalty": "presence_penalty",
    "repeat_last_n": "repeat_last_n",
    "stop": "stop",
    "typical_p": "typical_p",
}
_OTHER_NAMES = {
    "max_tokens": "n_predict",
    "max_completion_tokens": "n_predict",
    "num_predict": "n_predict",
    "num_keep": "n_keep",
    "temp": "temperature",
}
# These stand beside the options in a request of Ollama.
_BESIDE = {"json_schema": "format"}


def for_loading(settings: LoadSettings) -> dict[str, Any]:
    """Return what of the settings has to be the same in every request, or else Ollama loads the model anew."""
    asked = {"n_ctx": settings.n_ctx, "n_gpu_layers": settings.n_gpu_layers, "n_threads": settings.n_threads}
    # 0 leaves threads and context to the program in llama.cpp's words, and to chance in Ollama's.
    return {
        NAMES[name]: value for name, value in asked.items() if value is not None and (value or name == "n_gpu_layers")
    }


def for_answer(options: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a request that `options` make: `options`, and what stands beside them.

    Raises:
        ConfigInvalid: Ollama has no such option, and would ignore it without a word.
    """
    translated: dict[str, Any] = {}
    beside: dict[str, Any] = {}
    for given, value in options.items():
        name = _OTHER_NAMES.get(given, given)
        if name in _BESIDE:
            beside[_BESIDE[name]] = value
        elif name in _ANSWER:
            translated[_ANSWER[name]] = [value] if name == "stop" and isinstance(value, str) else value
        else:
            near = nearest(name, _ANSWER) or ["temperature", "top_p", "n_predict"]
            raise ConfigInvalid(f"Ollama has no option {given!r:.60}", next_step=f"There is: {', '.join(near)}")
    return {"options": translated, **beside}
