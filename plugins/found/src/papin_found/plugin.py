"""Registers a provider for each program whose models papin finds; nothing heavy is imported until one is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from papin.context import Context
from papin.hookspecs import hookimpl
from papin.providers import Provider
from papin_found._settings import FolderSettings, LmStudioSettings

if TYPE_CHECKING:
    from papin_found._lmstudio.session import Session as LmStudioSession
    from papin_found._session import FolderSession

__all__ = ["papin_providers"]


def _opener(
    title: str, place: str, module: str, find: str
) -> Callable[[Context[Any]], AbstractAsyncContextManager[FolderSession]]:
    @asynccontextmanager
    async def open_it(context: Context[FolderSettings]) -> AsyncIterator[FolderSession]:
        from papin_found import _places, _session  # noqa: PLC0415  # brings trio

        finder = getattr(import_module(f"papin_found.{module}"), find)
        async with _session.open_folder(context, title, getattr(_places, place), finder) as session:
            yield session

    return open_it


_FOLDERS = (
    ("jan", "Jan", "jan", "_jan", "find_jan"),
    ("gpt4all", "GPT4All", "gpt4all", "_finders", "find_flat"),
    ("huggingface-cache", "Hugging Face's cache", "huggingface", "_finders", "find_huggingface"),
    ("llamacpp-cache", "llama.cpp's cache", "llamacpp", "_finders", "find_llamacpp"),
    ("docker-model-runner", "Docker Model Runner", "docker", "_docker", "find_docker"),
    ("ramalama", "RamaLama", "ramalama", "_ramalama", "find_ramalama"),
)


def _lacks(title: str) -> dict[str, str]:
    reading = f"papin reads what {title} keeps, and changes nothing there."
    running = "It only keeps files: another provider runs them."
    return dict.fromkeys(("pulls", "removes", "configures", "copies", "renames", "shares"), reading) | dict.fromkeys(
        ("shows", "loads", "chats", "completes", "embeds", "measures"), running
    )


@asynccontextmanager
async def _open_lmstudio(context: Context[LmStudioSettings]) -> AsyncIterator[LmStudioSession]:
    from papin_found._lmstudio.session import open_session  # noqa: PLC0415  # as above

    async with open_session(context) as session:
        yield session


_LMSTUDIO_ACCEPTS = (
    "n_ctx",
    "flash_attn",
    "temperature",
    "top_k",
    "top_p",
    "repeat_penalty",
    "seed",
    "n_predict",
    "system_prompt",
)
_LMSTUDIO_LACKS = {
    "measures": "Speed is measured by llama-bench, which the provider llamacpp runs.",
    "removes": "LM Studio removes models in its own window only.",
    "shows": "LM Studio tells no more of a model than its list.",
    "configures": "LM Studio keeps settings for its own window; papin's are given when a model is loaded.",
    "copies": "LM Studio names models after their files.",
    "renames": "LM Studio names models after their files.",
}


@hookimpl
def papin_providers() -> Iterable[Provider]:
    """Register the programs whose folders are read, and LM Studio."""
    for name, title, place, module, find in _FOLDERS:
        yield Provider(
            name=name,
            summary=f"Models of {title}, where they are.",
            open=_opener(title, place, module, find),
            lacks=_lacks(title),
            settings=FolderSettings,
        )
    yield Provider(
        name="lmstudio",
        summary="LM Studio: its models, its server, papin's models usable in it.",
        open=_open_lmstudio,
        formats=("gguf",),
        accepts=_LMSTUDIO_ACCEPTS,
        lacks=_LMSTUDIO_LACKS,
        settings=LmStudioSettings,
    )
