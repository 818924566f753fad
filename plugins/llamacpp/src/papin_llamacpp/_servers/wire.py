"""What a llama-server answers, and what that means in papin's values: shapes and pure functions.

The shapes are those of llama.cpp's `tools/server/server-models.cpp` and of answers of a real b11434; optional is
whatever an older one does not send.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, Literal

import msgspec

from papin.filenames import parameters_of, quantization_of, read_file_name
from papin.inventories import ProviderDetails, ProviderFile, ProviderModel

__all__ = [
    "Change",
    "ListedModel",
    "ListedModels",
    "Props",
    "details",
    "file_of",
    "models_folder",
    "parse_change",
    "provider_model",
]

_NAME = 512
_FLAGS = {"-m", "--model"}


# How a server samples, by the names that papin and llama.cpp share.
_COUNTS = ("top_k", "seed", "n_predict")
_MEASURES = ("temperature", "top_p", "min_p", "repeat_penalty")

# A seed of the greatest number is llama.cpp's word for a new one each time, as a negative number is for no limit.
_RANDOM = (1 << 32) - 1
_DIGITS = 6  # that a 32-bit float surely holds


class _Modalities(msgspec.Struct):
    vision: bool = False
    audio: bool = False


class Props(msgspec.Struct, kw_only=True):
    """`/props`: whose server it is, and for a single model which one."""

    role: str | None = None
    build_info: str | None = None
    model_path: str | None = None
    model_alias: str | None = None
    chat_template: str | None = None
    modalities: _Modalities | None = None
    total_slots: int | None = None
    default_generation_settings: dict[str, Any] | None = None

    @property
    def is_llama_server(self) -> bool:
        """Tell whether it is one at all, and not another program on the same port."""
        return self.role == "router" or self.default_generation_settings is not None

    @property
    def is_router(self) -> bool:
        """Tell whether it serves many models."""
        return self.role == "router"

    @property
    def n_ctx(self) -> int | None:
        """Return how many tokens a chat with the single model may have."""
        return _count((self.default_generation_settings or {}).get("n_ctx")) or None

    @property
    def in_force(self) -> dict[str, int | float]:
        """Return how the model was loaded and samples when nobody says otherwise, by the names of `ModelSettings`.

        What is random or without a limit is left out. Older builds tell how they sample beside the context.
        """
        told = self.default_generation_settings or {}
        params = told.get("params", told)
        sampling = params if isinstance(params, dict) else {}
        found = {
            "n_ctx": self.n_ctx,
            "n_parallel": _count(self.total_slots),
            **{name: _count(sampling.get(name)) for name in _COUNTS},
            **{name: _measure(sampling.get(name)) for name in _MEASURES},
        }
        return {name: value for name, value in found.items() if value is not None}


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _RANDOM:
        return value
    return None


def _measure(value: object) -> float | None:
    """Return what was meant by a 32-bit float that was written as a longer one: 0.949999988079071 is 0.95."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _RANDOM:
        return float(f"{value:.{_DIGITS}g}")
    return None


class _Progress(msgspec.Struct):
    value: float | None = None


class Status(msgspec.Struct, kw_only=True):
    """The state of a router's model: `unloaded`, `loading`, `loaded`, `sleeping`, `downloading`, `downloaded`."""

    value: str = "unloaded"
    args: list[str] = []
    preset: str | None = None
    failed: bool = False
    exit_code: int | None = None


class Meta(msgspec.Struct, kw_only=True):
    """What is known of a model in memory."""

    n_ctx: int | None = None
    n_ctx_train: int | None = None
    n_params: int | None = None
    size: int | None = None
    ftype: str | None = None


class _Architecture(msgspec.Struct):
    input_modalities: list[str] = []


class ListedModel(msgspec.Struct, kw_only=True):
    """A model as `/models` (router) or `/v1/models` (single) lists it."""

    id: str
    aliases: list[str] | None = None
    status: Status = msgspec.field(default_factory=Status)
    source: str | None = None
    can_remove: bool = False
    architecture: _Architecture | None = None
    meta: Meta | None = None


class ListedModels(msgspec.Struct):
    """The answer of `/models`."""

    data: list[ListedModel] | None = None

    @property
    def models(self) -> tuple[ListedModel, ...]:
        """Return those whose name can be shown and typed."""
        return tuple(each for each in self.data or () if each.id and len(each.id) <= _NAME and each.id.isprintable())


def file_of(listed: ListedModel) -> Path | None:
    """Return the file that a router would load for a model, which stands in what it would start it with."""
    args = listed.status.args
    given = next((value for flag, value in itertools.pairwise(args) if flag in _FLAGS), "")
    return Path(given) if given.startswith("/") and given.isprintable() else None


def models_folder(listed: tuple[ListedModel, ...]) -> Path | None:
    """Return a router's `--models-dir`, found out from a model in it; None where there is none."""
    for each in listed:
        path = file_of(each)
        if path is None or each.source != "models_dir":
            continue
        return path.parent.parent if path.parent.name == each.id else path.parent
    return None


def provider_model(listed: ListedModel, props: Props, files: tuple[ProviderFile, ...]) -> ProviderModel:
    """Return a model as papin lists it; `files` are those that can be seen from here."""
    meta = listed.meta or Meta()
    name = listed.id.rpartition("/")[2]
    said = read_file_name(files[0].name) if files else None
    return ProviderModel(
        reference=listed.id,
        files=files,
        size=sum(file.size for file in files) or meta.size or 0,
        format="gguf",
        parameters=meta.n_params or (said.parameters if said else parameters_of(name)),
        quantization=meta.ftype or (said.quantization if said else quantization_of(name)),
        context_length=meta.n_ctx_train,
        capabilities=_capabilities(listed, props),
    )


def details(listed: ListedModel, props: Props, parameters: dict[str, str]) -> ProviderDetails:
    """Return what is known of a model besides: its template while it runs, its flags, and its figures."""
    figures = msgspec.structs.asdict(listed.meta or Meta())
    said = {"source": listed.source, "build": props.build_info, **figures}
    return ProviderDetails(
        reference=listed.id,
        template=props.chat_template or "",
        parameters=parameters,
        metadata={name: value for name, value in said.items() if value is not None},
    )


def _capabilities(listed: ListedModel, props: Props) -> tuple[str, ...]:
    seen = listed.architecture.input_modalities if listed.architecture else []
    vision = "image" in seen or (props.modalities is not None and props.modalities.vision)
    chat = "chat" if props.chat_template else ""
    return tuple(word for word in ("text", chat, "vision" if vision else "") if word)


class _Bytes(msgspec.Struct):
    done: int = 0
    total: int = 0


class _Downloading(msgspec.Struct):
    progress: dict[str, _Bytes] | None = None


class _Data(msgspec.Struct):
    status: str | None = None
    exit_code: int | None = None


class _Sent(msgspec.Struct):
    model: str
    event: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a line of a router's `/models/sse` tells of the model `model`; `list` means that the list changed.

    `progress`, `finished` and `broken` are of a download, with `bytes` done and in all.
    """

    model: str
    what: Literal["loading", "loaded", "sleeping", "unloaded", "failed", "list", "progress", "finished", "broken"]
    exit_code: int = 0
    bytes: tuple[int, int] = (0, 0)


_sent = msgspec.json.Decoder(_Sent)
_data = msgspec.json.Decoder(_Data)
_progress = msgspec.json.Decoder(dict[str, _Bytes])
_nested = msgspec.json.Decoder(_Downloading)


def parse_change(line: str) -> Change | None:
    """Return what a line of the event stream tells, or None for one that tells nothing that papin knows."""
    field, _, data = line.partition(":")
    if field != "data":
        return None
    try:
        sent = _sent.decode(data.strip())
        if not sent.model or len(sent.model) > _NAME or not sent.model.isprintable():
            return None
        return _of_download(sent) if sent.event.startswith("download_") else _change(sent)
    except (msgspec.DecodeError, RecursionError):
        return None


def _of_download(sent: _Sent) -> Change | None:
    if sent.event == "download_finished":
        return Change(model=sent.model, what="finished")
    if sent.event == "download_failed":
        return Change(model=sent.model, what="broken")
    # The files stand in the data itself, or a level deeper, depending on the build.
    nested = _nested.decode(sent.data).progress
    found = list((_progress.decode(sent.data) if nested is None else nested).values())
    return Change(
        model=sent.model,
        what="progress",
        bytes=(sum(each.done for each in found), sum(each.total for each in found)),
    )


def _change(sent: _Sent) -> Change | None:
    # The one event has two names: a router of today sends both, by the way on which it notices.
    if sent.event not in {"model_status", "status_change"}:
        return Change(model=sent.model, what="list")
    data = _data.decode(sent.data)
    code = data.exit_code or 0
    if data.status == "unloaded":
        return Change(model=sent.model, what="failed" if code else "unloaded", exit_code=code)
    if data.status == "loading":
        return Change(model=sent.model, what="loading")
    if data.status == "loaded":
        return Change(model=sent.model, what="loaded")
    return Change(model=sent.model, what="sleeping") if data.status == "sleeping" else None
