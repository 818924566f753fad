"""The search language, one for all frontends: words and filters.

    coder arch:qwen3 size:<=8b quant:q4,q5 can:tools fits:yes license:apache-2.0 sort:downloads

Words are looked for in names and descriptions, all of them; the last one may be the begin of a word. A filter is a key,
a colon and one or more values, of which one has to hold; several filters have to hold together. `size`, `context` and
`disk` compare (`<`, `<=`, `>`, `>=`), or are a span (`3b-8b`, `..8b`, `3b..`), which a shell leaves as it is; a small
number without a unit has the usual one (`size:7`, `context:32`, `disk:<5`). Mistyped keys and values mean the nearest
there is, and other names for the same are known (`can:function-calling`, `sort:popular`).

What words find comes in this order (`sort:match`): what is called just so; what has all words in its name; what has
them in its description. Among these come first what is on this machine already, then what fits on it, then what nobody
knows it of, and then the rest: nothing is left out for that. Among these come first what is downloaded most, as its
catalog tells. Any other order that is asked for (`sort:downloads`) looks at that alone.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, cast

import msgspec

from papin.errors import NameInvalid

__all__ = ["KEYS", "SORTS", "Filter", "Query", "Relation", "amount", "complete", "nearest_values", "parse"]

Relation = Literal["=", "<", "<=", ">", ">="]

KEYS = {
    "arch": "architecture: arch:llama, arch:qwen3",
    "size": "number of parameters: size:<=8b, size:..8b, size:3b-8b",
    "quant": "quantization: quant:q4, quant:q4_k_m, quant:4bit",
    "can": "what it can do: can:chat, can:vision, can:tools",
    "fits": "whether it fits on this machine: fits:yes",
    "provider": "what runs it here: provider:ollama",
    "license": "licence: license:apache-2.0, license:mit",
    "format": "file format: format:gguf",
    "catalog": "where it comes from: catalog:huggingface",
    "publisher": "who publishes it: publisher:bartowski",
    "context": "context length in tokens: context:>=32k",
    "disk": "bytes of its smallest variant: disk:<5GB",
    "access": "open, gated or private: access:open",
    "sort": "order: sort:downloads, sort:new",
}
"""The keys of filters, and what they are for with examples."""

SORTS = ("match", "downloads", "likes", "trending", "new", "updated", "size", "name")
"""The orders: `match` (the best match first) is that of a search with words, `downloads` that of one without."""

_OTHERS = {
    "architecture": "arch", "parameters": "size", "params": "size", "quantization": "quant", "capability": "can",
    "task": "can", "licence": "license", "context_length": "context", "ctx": "context", "by": "publisher",
    "author": "publisher", "order": "sort", "runs": "provider",
}  # fmt: skip
_TASKS = {
    "chatting": "chat", "conversation": "chat", "conversational": "chat", "assistant": "chat",
    "coder": "code", "coding": "code", "programming": "code",
    "see": "vision", "seeing": "vision", "visual": "vision", "images": "vision", "pictures": "vision",
    "function-calling": "tools", "functions": "tools", "tool-calling": "tools", "tool-use": "tools",
    "think": "reasoning", "thinking": "reasoning",
    "generation": "text", "text-generation": "text", "completion": "text", "writing": "text",
    "languages": "multilingual", "translate": "multilingual", "translation": "multilingual",
    "asr": "transcription", "stt": "transcription", "tts": "speech",
}  # fmt: skip
_ORDERS = {
    "popular": "downloads", "popularity": "downloads", "recent": "new", "latest": "new", "newest": "new",
    "hot": "trending", "best": "match", "relevance": "match",
}  # fmt: skip
# What the card of a model says of it.
_FITS = {"yes": "yes", "no": "no", "likely": "yes", "unlikely": "no"}
_COMPARED = {"size": "8b", "context": "32k", "disk": "5GB"}
# Below these a number without a unit is in the usual one: nobody means a model of seven parameters.
_USUAL = {"size": (1000, "b"), "context": (257, "k"), "disk": (1000, "gb")}
_LONGEST = 1000
_MOST = 40
_AMOUNT = re.compile(r"(?P<number>\d{1,15}(?:\.\d{1,6})?)\s?(?P<unit>[kmgtb]?)b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1000, "m": 10**6, "b": 10**9, "g": 10**9, "t": 10**12}
_NUMBER = r"\d+(?:\.\d+)?\s?[a-zA-Z]*"
_COMPARING = re.compile(
    rf"(?P<relation><=|>=|<|>|=)?(?P<only>{_NUMBER})|(?P<first>{_NUMBER})?(?:-|\.\.)(?P<last>{_NUMBER})?"
)


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """One condition, met by any of `values`; those of a number have one value and may compare (`size:<=8b`)."""

    key: str
    values: tuple[str, ...]
    relation: Relation = "="

    def __str__(self) -> str:
        """Return the filter as a person types it."""
        relation = "" if self.relation == "=" else self.relation
        return f"{self.key}:{relation}{','.join(map(_quoted, self.values))}"


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched for: all words, all filters, and the order (empty: the usual one)."""

    words: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    sort: str = ""

    def __str__(self) -> str:
        """Return the query as a person types it."""
        sort = [f"sort:{self.sort}"] if self.sort else []
        return " ".join([*map(_quoted, self.words), *map(str, self.filters), *sort])


def _quoted(text: str) -> str:
    return f'"{text}"' if re.search(r"[\s:,]", text) else text


def parse(text: str, catalogs: Mapping[str, str] = {}) -> Query:
    """Return what `text` asks for. What looks like a filter but has no known key is a word.

    `catalogs` are the names of catalogs by what is typed before the colon of a reference: with them, one that is
    pasted (`hf:acme/lake:Q4_K_M`) is looked for in its catalog, by its name.

    Raises:
        NameInvalid: it is too long, or a value cannot be understood.
    """
    if len(text) > _LONGEST:
        raise NameInvalid("this search is too long", next_step=f"Use at most {_LONGEST} characters.")
    words: list[str] = []
    filters: list[Filter] = []
    sort = ""
    for token in _tokens(text)[:_MOST]:
        key, colon, value = token.partition(":")
        if colon and value and key in catalogs:
            filters.append(Filter(key="catalog", values=(catalogs[key],)))
            words += _words(value.partition(":")[0])
            continue
        known = _key(key) if colon and value else ""
        if not known:
            words += _words(token)
        elif known == "sort":
            sort = _nearest(value.lower(), {each: each for each in SORTS} | _ORDERS, f"sort:{value}")
        else:
            filters += _filters(known, value, catalogs)
    return Query(words=tuple(words), filters=tuple(filters), sort=sort)


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[\w.+-]+", text) if re.search(r"\w", word)]


def _tokens(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split, lexer.commenters, lexer.quotes, lexer.escape = True, "", '"', ""
    try:
        return list(lexer)
    except ValueError:  # a quotation that is still being typed
        return text.replace('"', " ").split()


def _key(text: str) -> str:
    lower = text.lower()
    if lower in KEYS:
        return lower
    if lower in _OTHERS:
        return _OTHERS[lower]
    near = difflib.get_close_matches(lower, [*KEYS, *_OTHERS], n=1, cutoff=0.75) if len(lower) > 2 else []  # noqa: PLR2004
    return _OTHERS.get(near[0], near[0]) if near else ""


def _filters(key: str, value: str, catalogs: Mapping[str, str]) -> Iterator[Filter]:
    if key in _COMPARED:
        yield from _comparing(key, value)
    elif key == "fits":
        yield Filter(key=key, values=(_nearest(value.lower(), _FITS, f"fits:{value}"),))
    elif values := [each for part in value.split(",") if (each := part.strip().lower())]:
        others = {"can": _TASKS, "catalog": catalogs}.get(key, {})
        yield Filter(key=key, values=tuple(others.get(each, each) for each in values))


def _comparing(key: str, value: str) -> Iterator[Filter]:
    found = _COMPARING.fullmatch(value.strip())
    if found is None or not any(found.group("only", "first", "last")):
        raise _unclear(key, value)
    ends: list[tuple[str | None, Relation]] = [(found["first"], ">="), (found["last"], "<=")]
    if found["only"]:
        ends = [(found["only"], cast("Relation", found["relation"] or "="))]
    for text, relation in ends:
        if text is not None:
            yield Filter(key=key, values=(_in_unit(text.lower(), key),), relation=relation)


def _in_unit(text: str, key: str) -> str:
    least, unit = _USUAL[key]
    return f"{text}{unit}" if 0 < amount(text, key) < least and text.strip()[-1].isdigit() else text


def amount(text: str, key: str = "size") -> float:
    """Return the number that `8b`, `32k`, `1.5GB` or `7000000000` stand for; units are decimal.

    Raises:
        NameInvalid: it is none.
    """
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise _unclear(key, text)
    return float(found["number"]) * _UNITS[found["unit"].lower()]


def _unclear(key: str, value: str) -> NameInvalid:
    example = _COMPARED.get(key, "8b")
    return NameInvalid(f"{key}:{value[:40]} cannot be understood", next_step=f"Write it like {key}:<={example}.")


def _nearest(value: str, known: Mapping[str, str], shown: str) -> str:
    near = nearest_values(value, known, most=1)
    if not near:
        there = ", ".join(dict.fromkeys(known.values()))
        raise NameInvalid(f"{shown[:60]} means nothing", next_step=f"There is: {there}.")
    return known[near[0]]


def nearest_values(value: str, known: Iterable[str], *, most: int = 5) -> list[str]:
    """Return the known values that `value` may mean: itself, else those that begin so, else those spelt nearly so."""
    names = list(known)
    if value in names:
        return [value]
    begun = [name for name in names if name.startswith(value)]
    return begun[:most] or difflib.get_close_matches(value, names, n=most, cutoff=0.6)


def complete(text: str, values: Callable[[str], Iterable[str]]) -> list[str]:
    """Return what the last word of `text` may become: keys with their colon, or values of `values(key)`."""
    key, colon, begun = text.rpartition(" ")[2].partition(":")
    if not colon:
        return [f"{name}:" for name in KEYS if name.startswith(key.lower())]
    known = _key(key)
    if not known:
        return []
    before, comma, last = begun.rpartition(",")
    fixed = {"sort": SORTS, "fits": ("yes", "no"), "access": ("open", "gated", "private")}
    lowered = (each.lower() for each in fixed.get(known) or values(known))
    return [f"{known}:{before}{comma}{_quoted(each)}" for each in lowered if each.startswith(last.lower())]
