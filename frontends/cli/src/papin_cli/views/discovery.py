"""Models that can be installed: lists, rows, and the page of one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from papin import facts, words
from papin.discovery import ROWS, Card, Found, Judged, ModelPage, Row
from papin.query import KEYS, parse
from papin.safe import line, name
from papin.sentences import describe, emptied, fits, sizes, stale, unasked
from papin_cli._table import Column, render

__all__ = ["cards", "found", "page", "row", "rows"]

_CARDS = (
    Column(title="MODEL", least=200),  # never cut: it is there to be pasted
    Column(title="SIZE", right=True),
    Column(title="FITS"),
    Column(title="HERE", least=6),
    Column(title="ALSO AT", rank=4, least=8),
    Column(title="DOWNLOADS", right=True, rank=2),
    Column(title="LICENCE", rank=3, least=10),
    Column(title="CAN", rank=1, least=8),
    Column(title="WHY", least=16),
)
_VARIANTS = (
    Column(title="VARIANT", least=200),
    Column(title="ON DISK", right=True),
    Column(title="BITS", right=True, rank=2),
    Column(title="FITS"),
    Column(title="HERE", least=6),
    Column(title="NOTE", least=12, rank=1),
)


def cards(shown: Sequence[Card], width: int | None) -> str:
    """Return cards as a table whose first column can be pasted into a download."""
    return render(_CARDS, [_card(each) for each in shown], width)


def _card(card: Card) -> tuple[str, ...]:
    entry = card.entry
    also = dict.fromkeys(source.catalog for source in card.sources if source.catalog != entry.catalog)
    return (
        name(entry.ref),
        sizes(entry),
        fits(card.fit, guessed=card.guessed),
        name(", ".join(card.installed)),
        name(", ".join(also)),
        words.compact(entry.downloads),
        name(entry.license) or ("gated" if entry.access == "gated" else ""),
        name(", ".join(entry.capabilities)),
        line(card.why),
    )


def found(result: Found, width: int | None, typed: str = "") -> str:
    """Return what a search found, or which filter emptied it; and what was meant where that is not what was `typed`."""
    if not result.entries:
        return "Nothing was ever asked of the catalogs.\nNext: papin catalogs refresh\n"
    if not result.cards:
        return _empty(result, typed)
    more = "\nThere is more: add words or filters, or --limit.\n" if result.more else ""
    mended = f"Taken to mean: {name(result.query)}\n" if typed and _is_mended(typed, result.query) else ""
    following = f"\nNext: papin models show {name(result.cards[0].entry.ref)}\n"
    old = f"\n{stale(result.stale)}: papin catalogs list\n" if result.stale else ""
    return mended + cards(result.cards, width) + more + old + _unasked(result.unasked) + following


def _unasked(catalogs: Sequence[str]) -> str:
    return f"\n{unasked(catalogs)}: papin catalogs refresh\n" if catalogs else ""


def _is_mended(typed: str, meant: str) -> bool:
    """Tell whether more changed than signs between words, and small letters."""
    return _plain(str(parse(typed))) != _plain(meant)


def _plain(query: str) -> str:
    return "".join(filter(str.isalnum, query.lower()))


def _empty(result: Found, typed: str) -> str:
    known = _no_filters(typed, result.query) + _unasked(result.unasked)
    return f"{emptied(result)}.\n{known}\nOr ask the catalogs themselves with --online.\n"


def _no_filters(typed: str, meant: str) -> str:
    """Return which words look like filters and are none, nor catalogs of references: they were taken for words."""
    if "catalog:" in meant:
        return ""
    looks = [token for token in typed.split() if re.fullmatch(r"[a-zA-Z_]{2,}:[^/:]+", token)]
    none = [token for token in looks if not (parsed := parse(token)).filters and not parsed.sort]
    keys = ", ".join(name(token.partition(":")[0]) for token in none)
    return f"\nThere is no filter {keys}; there are {', '.join(KEYS)}.\n" if none else ""


def rows(all_rows: Sequence[Row], width: int | None, catalogs: Sequence[str] = ()) -> str:
    """Return several rows, a few cards of each; of `catalogs` nothing is known yet."""
    if not all_rows:
        return "Nothing was ever asked of the catalogs.\nNext: papin catalogs refresh\n"
    told = "\n".join(_row(each, width) for each in all_rows)
    others = [each for each in ROWS if each not in {row.name for row in all_rows}]
    also = f"; ROW may also be {', '.join([*others, 'or a provider'])}"
    return f"{told}{_unasked(catalogs)}\nNext: papin models browse ROW shows more of one{also}.\n"


def row(shown: Row, width: int | None, catalogs: Sequence[str] = ()) -> str:
    """Return one row under its title; of `catalogs` nothing is known yet."""
    return _row(shown, width) + _unasked(catalogs)


def _row(shown: Row, width: int | None) -> str:
    body = cards(shown.cards, width) if shown.cards else "Nothing yet.\n"
    return f"{name(shown.title)} ({name(shown.name)})\n{body}"


def page(shown: ModelPage, now: datetime, width: int | None, typed: str = "") -> str:
    """Return everything about a model that can be installed; `typed` is how it was asked for."""
    told = f"\nAs of the last refresh: {describe(shown.problem)}\n" if shown.problem else ""
    return facts.lines(facts.of_page(shown, now)) + told + _variants(shown, width, typed)


def _variants(shown: ModelPage, width: int | None, typed: str) -> str:
    if not shown.variants:
        return "\nIts variants are not known.\n"
    table = render(_VARIANTS, [_variant(each) for each in shown.variants], width)
    named = [each for each in shown.variants if each.variant.ref.lower() == typed.lower()]
    best, *_ = named or [each for each in shown.variants if each.is_default] or shown.variants
    step = f"run {name(best.installed)}" if best.installed else f"models download {name(best.variant.ref)}"
    return f"\n{table}\nNext: papin {step}\n"


def _variant(judged: Judged) -> tuple[str, ...]:
    each = judged.variant
    bits = f"{each.bits_per_weight:.1f}" if each.bits_per_weight else ""
    return (
        name(each.variant or each.ref),
        words.size(each.size),
        bits,
        fits(judged.fit, guessed=judged.variant.size is None),
        name(judged.installed),
        judged.note,
    )
