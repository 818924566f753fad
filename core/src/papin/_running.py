"""The values of a model that runs: how it is loaded, what is in memory, what is said to it and what it answers.

Part of `papin.models`, from where everybody imports them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from papin._value import Value

__all__ = [
    "Embeddings",
    "Engine",
    "LoadSettings",
    "LoadedModel",
    "Message",
    "ModelSettings",
    "Reply",
    "Speed",
    "Timings",
]


class LoadSettings(Value, frozen=True, kw_only=True, omit_defaults=True):
    """How to load a model, by the names that llama.cpp uses. None leaves it to the engine.

    `keep_alive` is in seconds of idleness (0: unload after the answer, less: never); a `cache_type_...` is like `q8_0`.
    """

    n_ctx: int | None = None
    n_gpu_layers: int | None = None
    n_threads: int | None = None
    n_parallel: int | None = None
    flash_attn: bool | None = None
    cache_type_k: str | None = None
    cache_type_v: str | None = None
    keep_alive: float | None = None


class ModelSettings(LoadSettings, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that the user can save for a model: how to load it, how to sample, and what it is told first."""

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    seed: int | None = None
    n_predict: int | None = None
    system_prompt: str | None = None


class LoadedModel(Value, frozen=True, kw_only=True):
    """A model that is in memory. `address` is where its engine answers; its key is never part of this.

    `reference` is the provider's own name for it, which `unload` wants; `model` is papin's id where it has one.
    `ignored` were asked for, and this provider cannot take them. `answering` counts the requests that it answers now,
    as `papin.providers.Loads.loaded` told it; None where the program does not tell.
    """

    model: str
    reference: str = ""
    provider: str
    address: str
    loaded_at: datetime
    expires_at: datetime | None = None
    pid: int | None = None
    n_ctx: int | None = None
    memory: int | None = None
    ignored: tuple[str, ...] = ()
    answering: int | None = None


class Embeddings(Value, frozen=True, kw_only=True):
    """A vector for each text, in order; `prompt_n` counts the tokens that were read, 0 where nobody told."""

    vectors: tuple[tuple[float, ...], ...]
    prompt_n: int = 0


class Message(Value, frozen=True, kw_only=True):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class Timings(Value, frozen=True, kw_only=True):
    """How fast an answer came: counts in tokens, durations in milliseconds."""

    prompt_n: int = 0
    prompt_ms: float = 0.0
    predicted_n: int = 0
    predicted_ms: float = 0.0


class Speed(Value, frozen=True, kw_only=True):
    """How fast a model was measured to be, in tokens a second: reading `prompt_n` of them and writing `predicted_n`.

    `provider` measured by means of `engine`, on `machine` (see `papin.machine.Machine.summary`), with the model loaded
    as `settings` say.
    """

    prompt_n: int
    prompt_per_second: float
    predicted_n: int
    predicted_per_second: float
    engine: str
    settings: LoadSettings = LoadSettings()
    provider: str = ""
    machine: str = ""
    measured_at: datetime | None = None


class Reply(Value, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of a streamed answer; the last one carries `finish_reason` and `timings`."""

    text: str = ""
    finish_reason: str = ""
    timings: Timings | None = None


class Engine(Value, frozen=True, kw_only=True):
    """A program that can run models, as a provider reports it: where it lies, and where it answers."""

    name: str
    version: str = ""
    path: str = ""
    address: str = ""
