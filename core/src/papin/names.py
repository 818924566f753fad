"""One grammar for what a person types, and the one function that turns names and digests into paths.

A reference is one of

    starter:smollm2  hf:org/repo:Q4_K_M  ollama:qwen3:0.6b  smollm2     [catalog:]name[:variant]
    https://example.org/m.gguf                                          an address
    ./m.gguf  ../m.gguf  /models/m.gguf  ~/m.gguf                       a file of this machine

and an installed model has an id (`smollm2`). Everything in a name is ASCII, so that look-alikes, direction marks and
normal forms cannot matter; everything that a file system, a shell or a URL gives a meaning to is refused.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterable
from itertools import chain, count
from pathlib import Path
from typing import Literal

import msgspec

from papin.errors import NameInvalid

__all__ = [
    "CatalogRef",
    "PathRef",
    "UrlRef",
    "check",
    "make_file_name",
    "make_id",
    "nearest",
    "parse",
    "place",
]

Kind = Literal["id", "name", "variant", "catalog", "file", "digest"]

_WORD = r"[A-Za-z0-9_](?:[A-Za-z0-9_.+-]*[A-Za-z0-9_+-])?"
_GRAMMAR: dict[Kind, tuple[re.Pattern[str], int, str]] = {
    "id": (re.compile(r"[a-z0-9_](?:[a-z0-9_.+-]*[a-z0-9_+-])?"), 80, "lower-case letters, digits and . _ + -"),
    "name": (re.compile(rf"{_WORD}(?:/{_WORD}){{0,3}}"), 256, "letters, digits and . _ + - with at most three slashes"),
    "variant": (re.compile(_WORD), 80, "letters, digits and . _ + -"),
    "catalog": (
        re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"),
        40,
        "lower-case letters, digits and single - between them",
    ),
    "file": (
        re.compile(r"[A-Za-z0-9_(\[](?:[A-Za-z0-9_.+ ()\[\],@=-]*[A-Za-z0-9_+()\[\]=-])?"),
        200,
        "a plain file name",
    ),
    "digest": (re.compile(r"[0-9a-f]{64}"), 64, "64 lower-case hex digits"),
}
# Device names of Windows, with any extension: such a file could not be copied to, or made on, half of all machines.
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9])(?:\..*)?", re.IGNORECASE)
_LONGEST = 4096
_SHOWN = 60


class CatalogRef(msgspec.Struct, frozen=True, kw_only=True):
    """`[catalog:]name[:variant]`; a catalog of None means whichever has it."""

    name: str
    catalog: str | None = None
    variant: str | None = None

    def __str__(self) -> str:
        """Return the reference as a person types it."""
        return ":".join(part for part in (self.catalog, self.name, self.variant) if part)


class UrlRef(msgspec.Struct, frozen=True, kw_only=True):
    """An http or https address that the user typed; `papin.http` parses and judges it."""

    url: str

    def __str__(self) -> str:
        """Return the address."""
        return self.url


class PathRef(msgspec.Struct, frozen=True, kw_only=True):
    """A file of this machine that the user named."""

    path: str

    def __str__(self) -> str:
        """Return the path as it was typed."""
        return self.path


def _shown(text: str) -> str:
    return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def check(text: str, kind: Kind) -> str:
    """Return `text` if it is a well-formed name of that kind; the one place where names are refused.

    Raises:
        NameInvalid: it is empty, too long, holds a character that the kind does not allow, begins with `-` or a dot,
            ends with a dot or a blank, climbs (`..`), or is a device name.
    """
    grammar, longest, allowed = _GRAMMAR[kind]
    reserved = any(_RESERVED.fullmatch(part) for part in text.split("/")) if len(text) <= longest else True
    if reserved or not grammar.fullmatch(text) or ".." in text:
        word = "file name" if kind == "file" else kind
        limits = "" if kind == "digest" else f", at most {longest} characters, beginning with a letter or digit"
        raise NameInvalid(f"{_shown(text)} is not a valid {word}", next_step=f"Use {allowed}{limits}.")
    return text


def _refuse_unprintable(text: str) -> None:
    if not text or len(text) > _LONGEST or not text.isprintable():
        raise NameInvalid(
            f"{_shown(text)} is not a reference: it is empty, too long or holds unprintable characters",
            next_step="Type a name like smollm2 or starter:smollm2, an https address, or a path like ./model.gguf.",
        )


def _parse_url(text: str) -> UrlRef:
    authority = re.split(r"[/?#]", text.partition("://")[2], maxsplit=1)[0]
    if not authority or "@" in authority or not re.fullmatch(r"[!-\[\]-~]+", text):
        raise NameInvalid(
            f"{_shown(re.sub('//[^/]*@', '//...@', text))} is not an address that papin opens",
            next_step="Use https://host/path, without user or password, blanks or backslashes in it.",
        )
    return UrlRef(url=text)


def parse(text: str, *, catalogs: Collection[str] = ()) -> CatalogRef | UrlRef | PathRef:
    """Return what `text` refers to; `catalogs` are the known prefixes (none: any prefix is believed).

    Raises:
        NameInvalid: the grammar refuses it, or the catalog is not one of `catalogs`.
    """
    _refuse_unprintable(text)
    if re.match(r"https?://", text):
        return _parse_url(text)
    if "://" in text:
        raise NameInvalid(
            f"{_shown(text)} is not an address that papin opens",
            next_step="Only http and https addresses are opened; a file is named by its path.",
        )
    if re.match(r"\.{0,2}/|~/", text):
        return PathRef(path=text)
    return _parse_catalog_ref(text, catalogs)


def _parse_catalog_ref(text: str, catalogs: Collection[str]) -> CatalogRef:
    first, colon, rest = text.partition(":")
    catalog = first if colon and (first in catalogs or ":" in rest) else None
    name, colon, variant = (text if catalog is None else rest).partition(":")
    if catalog is not None:
        _check_catalog(catalog, catalogs)
    return CatalogRef(
        catalog=catalog,
        name=check(name, "name"),
        variant=check(variant, "variant") if colon else None,
    )


def _check_catalog(catalog: str, catalogs: Collection[str]) -> None:
    check(catalog, "catalog")
    if catalogs and catalog not in catalogs:
        raise NameInvalid(
            f"there is no catalog {catalog}",
            next_step=f"Catalogs here: {', '.join(sorted(catalogs))}.",
        )


def place(root: Path, *parts: str) -> Path:
    """Return the path of `parts` below `root`: the only function that turns a name or a digest into a path.

    Raises:
        NameInvalid: a part is anything but a plain file name.
    """
    return root.joinpath(*(check(part, "file") for part in parts))


def make_id(name: str, taken: Collection[str], *, variant: str = "") -> str:
    """Return a free id for a model of that name: short, typeable, and the same for the same input.

    A name that is taken gets the variant behind it, and then a number.
    """
    last = _plainer(name).rstrip("/").rpartition("/")[2].lower()
    plain = re.sub(r"[^a-z0-9_.+]+", "-", last.removesuffix(".gguf")).removesuffix("-gguf")
    base = re.sub(r"\.{2,}", ".", plain).strip(".-+")[:60].strip(".-+") or "model"
    base = base if not _RESERVED.fullmatch(base) else f"{base.partition('.')[0]}-model"
    tail = re.sub(r"[^a-z0-9_]+", "-", variant.lower()).strip("-")[:16]
    wanted = chain([base], [f"{base}-{tail}"] if tail else [], (f"{base}-{number}" for number in count(2)))
    return check(next(each for each in wanted if each not in taken), "id")


def _plainer(text: str) -> str:
    """Return `text` with letters instead of letters with marks: `model` of `mödel`, and not `m-del`."""
    if text.isascii():
        return text
    return "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))


def make_file_name(text: str) -> str:
    """Return a plain file name that is as near to `text` (a name from anywhere) as the grammar allows."""
    last = re.split(r"[/\\]", _plainer(text))[-1]
    plain = re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9_.+ ()\[\],@=-]+", "_", last))
    plain = plain.lstrip(".-+ ,@=)]")[-200:].lstrip(".-+ ,@=)]").rstrip(". ,@") or "model"
    return check(f"_{plain}" if _RESERVED.fullmatch(plain) else plain, "file")


def nearest(text: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """Return the known names that look most like `text`: those that contain it first, then the nearly equal."""
    names = sorted(set(known))
    inside = [name for name in names if text.lower() in name.lower()]
    close = difflib.get_close_matches(text, names, n=most, cutoff=0.5)
    return list(dict.fromkeys([*inside, *close]))[:most]
