"""Well-known models of Ollama's library, as data for browsing: it has no interface for searching.

What is told of them is what their makers publish. Sizes are not: they come with the manifest of each tag.
"""

from __future__ import annotations

from collections.abc import Sequence

from papin.filenames import parameters_of
from papin.models import CatalogEntry, Variant

__all__ = ["LIBRARY"]

_CHAT = ("chat", "text")


def _model(
    name: str,
    title: str,
    summary: str,
    tags: str,
    *,
    license: str = "",  # noqa: A002  # the name of the field
    publisher: str = "",
    can: Sequence[str] = _CHAT,
) -> CatalogEntry:
    variants = tuple(_variant(name, tag, license, tuple(can)) for tag in tags.split())
    return CatalogEntry(
        ref=f"ollama:{name}",
        catalog="ollama",
        name=name,
        title=title,
        summary=summary,
        license=license,
        capabilities=tuple(can),
        formats=("gguf",),
        variants=variants,
        publisher=publisher,
        homepage=f"https://ollama.com/library/{name}",
    )


def _variant(name: str, tag: str, license: str, can: tuple[str, ...]) -> Variant:  # noqa: A002  # as above
    return Variant(
        ref=f"ollama:{name}:{tag}",
        catalog="ollama",
        name=name,
        variant=tag,
        license=license,
        parameters=parameters_of(tag),
        capabilities=can,
        format="gguf",
    )


_TOOLS = (*_CHAT, "tools")
_REASON = (*_CHAT, "reasoning")
_CODE = (*_CHAT, "code")
_SEE = (*_CHAT, "vision")
_EMBED = ("embedding",)

LIBRARY: tuple[CatalogEntry, ...] = (
    _model("qwen3", "Qwen3", "Answers with or without thinking first, in more than a hundred languages.",
           "0.6b 1.7b 4b 8b 14b 30b 32b 235b", license="apache-2.0", publisher="Qwen",
           can=(*_CHAT, "tools", "reasoning", "multilingual")),
    _model("qwen2.5", "Qwen2.5", "An all-round family in many sizes.", "0.5b 1.5b 3b 7b 14b 32b 72b",
           publisher="Qwen", can=(*_TOOLS, "multilingual")),
    _model("qwen2.5-coder", "Qwen2.5 Coder", "Writes, completes and explains code.", "0.5b 1.5b 3b 7b 14b 32b",
           publisher="Qwen", can=(*_CODE, "tools")),
    _model("qwq", "QwQ", "Thinks at length before it answers.", "32b", license="apache-2.0", publisher="Qwen",
           can=_REASON),
    _model("llama3.3", "Llama 3.3", "Meta's large chat model.", "70b", license="llama3.3", publisher="Meta",
           can=(*_TOOLS, "multilingual")),
    _model("llama3.2", "Llama 3.2", "Meta's small chat models, for phones and old computers too.", "1b 3b",
           license="llama3.2", publisher="Meta", can=(*_TOOLS, "multilingual")),
    _model("llama3.2-vision", "Llama 3.2 Vision", "Answers questions about pictures.", "11b 90b",
           license="llama3.2", publisher="Meta", can=_SEE),
    _model("llama3.1", "Llama 3.1", "Meta's chat models with a long context.", "8b 70b 405b", license="llama3.1",
           publisher="Meta", can=(*_TOOLS, "multilingual")),
    _model("llama3", "Llama 3", "Meta's chat models of 2024.", "8b 70b", license="llama3", publisher="Meta"),
    _model("gemma3", "Gemma 3", "Google's open models; those from 4b on see pictures.", "1b 4b 12b 27b",
           license="gemma", publisher="Google", can=(*_SEE, "multilingual")),
    _model("gemma2", "Gemma 2", "Google's open models of 2024.", "2b 9b 27b", license="gemma", publisher="Google"),
    _model("codegemma", "CodeGemma", "Completes and writes code.", "2b 7b", license="gemma", publisher="Google",
           can=_CODE),
    _model("gpt-oss", "gpt-oss", "OpenAI's open models, which think before they answer.", "20b 120b",
           license="apache-2.0", publisher="OpenAI", can=(*_TOOLS, "reasoning")),
    _model("deepseek-r1", "DeepSeek R1", "Thinks before it answers; the small ones learnt it from the large one.",
           "1.5b 7b 8b 14b 32b 70b 671b", license="mit", publisher="DeepSeek", can=_REASON),
    _model("mistral", "Mistral 7B", "A quick all-round model of 7 billion parameters.", "7b", license="apache-2.0",
           publisher="Mistral AI", can=_TOOLS),
    _model("mistral-nemo", "Mistral Nemo", "A multilingual model of 12 billion parameters.", "12b",
           license="apache-2.0", publisher="Mistral AI", can=(*_TOOLS, "multilingual")),
    _model("mistral-small", "Mistral Small", "Close to large models, on one graphics card.", "22b 24b",
           publisher="Mistral AI", can=_TOOLS),
    _model("mixtral", "Mixtral", "A mixture of experts: quick for its size.", "8x7b 8x22b", license="apache-2.0",
           publisher="Mistral AI"),
    _model("devstral", "Devstral", "Made for agents that work on code.", "24b", license="apache-2.0",
           publisher="Mistral AI", can=(*_CODE, "tools")),
    _model("phi4", "Phi-4", "Strong in reasoning for its size.", "14b", license="mit", publisher="Microsoft"),
    _model("phi4-mini", "Phi-4 mini", "A small model for reasoning and tools.", "3.8b", license="mit",
           publisher="Microsoft", can=_TOOLS),
    _model("phi3", "Phi-3", "Small models of Microsoft.", "3.8b 14b", license="mit", publisher="Microsoft"),
    _model("granite3.3", "Granite 3.3", "IBM's models for work with documents and tools.", "2b 8b",
           license="apache-2.0", publisher="IBM", can=_TOOLS),
    _model("olmo2", "OLMo 2", "Fully open: data, code and weights.", "7b 13b", license="apache-2.0",
           publisher="Allen Institute for AI"),
    _model("smollm2", "SmolLM2", "Tiny and quick, on any machine.", "135m 360m 1.7b", license="apache-2.0",
           publisher="HuggingFaceTB"),
    _model("tinyllama", "TinyLlama", "A small model on Llama's plan.", "1.1b", license="apache-2.0"),
    _model("codellama", "Code Llama", "Meta's models for code.", "7b 13b 34b 70b", license="llama2",
           publisher="Meta", can=_CODE),
    _model("starcoder2", "StarCoder2", "Completes code in many languages.", "3b 7b 15b",
           license="bigcode-openrail-m", publisher="BigCode", can=("code", "text")),
    _model("llava", "LLaVA", "Answers questions about pictures.", "7b 13b 34b", can=_SEE),
    _model("moondream", "Moondream", "A small model that describes pictures.", "1.8b", license="apache-2.0", can=_SEE),
    _model("nomic-embed-text", "Nomic Embed Text", "Turns texts into vectors, long ones too.", "v1.5",
           license="apache-2.0", publisher="Nomic", can=_EMBED),
    _model("mxbai-embed-large", "mxbai embed large", "Turns texts into vectors.", "335m", license="apache-2.0",
           publisher="Mixedbread", can=_EMBED),
    _model("all-minilm", "all-MiniLM", "Tiny models that turn sentences into vectors.", "22m 33m",
           license="apache-2.0", publisher="Sentence Transformers", can=_EMBED),
    _model("snowflake-arctic-embed", "Arctic Embed", "Turns texts into vectors, in five sizes.",
           "22m 33m 110m 137m 335m", license="apache-2.0", publisher="Snowflake", can=_EMBED),
    _model("bge-m3", "BGE-M3", "Turns texts of a hundred languages into vectors.", "567m", license="mit",
           publisher="BAAI", can=(*_EMBED, "multilingual")),
)  # fmt: skip
"""By family, the newest first."""
