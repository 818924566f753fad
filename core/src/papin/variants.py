"""Which build of a model to take: the order of quality, the default choice, and a word on each. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from papin.discovery import Fit, Judged
from papin.filenames import bits_of
from papin.memory import Room, estimate, estimate_variant, fit_of
from papin.models import Header, Variant

__all__ = ["choose", "choose_each", "fits", "in_order", "judge", "preference"]

# Four and a half bits and more lose little; below that, quality falls faster than size.
_BEST = 4.89  # Q4_K_M
_FEWER_BITS = 3.0
_LEGACY = 0.5  # Q4_0 and its like are worse than K-quants of the same size
_UNKNOWN = 1000.0
_HALF_BITS = 15.0
_PICKLED = "pytorch"


def _bits(variant: Variant) -> float | None:
    return variant.bits_per_weight or bits_of(variant.quantization or variant.variant)


def preference(variant: Variant) -> float:
    """Return how far a variant is from the best balance of quality and size; 0 is Q4_K_M, less is better."""
    bits = _bits(variant)
    if bits is None:
        return _UNKNOWN
    name = variant.quantization.upper()
    legacy = _LEGACY if name[:1] == "Q" and name[2:4] in ("_0", "_1") and bits < _HALF_BITS / 2 else 0.0
    return abs(bits - _BEST) * (_FEWER_BITS if bits < _BEST - 1 / 2 else 1.0) + legacy


def in_order(variants: Sequence[Variant]) -> list[Variant]:
    """Return `variants`, the best balance first; those of equal standing stay in their order."""
    return sorted(variants, key=preference)


def fits(variant: Variant, space: Room) -> Fit:
    """Return where `variant` would run."""
    return fit_of(estimate_variant(variant), space)


def choose(variants: Sequence[Variant], space: Room, formats: Collection[str] = ()) -> Variant | None:
    """Return the default choice; None of none.

    Pickles come last, since loading them may run code. What a provider here can run (`formats`; empty: not known) comes
    before the rest, what fits before what may fit, and then the best balance. Where nothing fits, it is the smallest.
    """
    runnable = _runnable(variants, formats)
    fitting = [each for each in runnable if fits(each, space) in ("gpu", "memory")]
    unknown = [each for each in runnable if fits(each, space) == "unknown"]
    if fitting or unknown:
        return min(fitting or unknown, key=preference)
    return min(runnable, key=lambda each: estimate_variant(each) or 0, default=None)


def choose_each(variants: Sequence[Variant], space: Room, formats: Collection[str] = ()) -> list[Variant]:
    """Return what `choose` takes of each size (in parameters) that a model comes in."""
    sizes: dict[int | None, list[Variant]] = {}
    for each in _runnable(variants, formats):
        sizes.setdefault(each.parameters, []).append(each)
    return [chosen for size in sizes.values() if (chosen := choose(size, space, formats)) is not None]


def _runnable(variants: Sequence[Variant], formats: Collection[str]) -> Sequence[Variant]:
    safe = [each for each in variants if each.format != _PICKLED] or variants
    return [each for each in safe if not formats or not each.format or each.format in formats] or safe


def judge(
    variants: Sequence[Variant],
    space: Room,
    formats: Collection[str] = (),
    installed: Mapping[str, str] | None = None,
    header: Header | None = None,
) -> tuple[Judged, ...]:
    """Return each variant with its fit and a note; `installed` tells the ids of models by their references.

    `header` is that of any of them: they share all that their memory depends on, but the size.
    """
    default = choose(variants, space, formats)
    here = installed or {}
    return tuple(
        Judged(
            variant=each,
            fit=(fit := fit_of(needed := _need(each, header), space)),
            memory=needed,
            note=_note(each, fit, header, is_default=each is default),
            is_default=each is default,
            installed=here.get(each.ref, ""),
        )
        for each in variants
    )


# From which number of bits per weight on which words hold.
_WORDS = (
    (_HALF_BITS, "unquantized: large, for converting and comparing"),
    (7.2, "nearly lossless"),
    (5.4, "a little better, larger"),
    (4.55, "close to the best balance"),
    (3.6, "smaller, a little worse"),
    (0.0, "small, with a visible loss of quality"),
)


def _need(variant: Variant, header: Header | None) -> int | None:
    if header is None or variant.size is None or variant.format not in ("", header.format):
        return estimate_variant(variant)
    return estimate(header, variant.size)


def _note(variant: Variant, fit: Fit, header: Header | None, *, is_default: bool) -> str:
    about = _balance(variant, fit, is_default=is_default)
    return "; ".join(each for each in (_danger(variant, header), about) if each)


def _danger(variant: Variant, header: Header | None) -> str:
    """Return what to be told of a pickle: what is in it, where somebody looked, and else what may be."""
    if variant.format != _PICKLED:
        return ""
    if header is None or header.format != _PICKLED:
        return "a pickle, which may run code when it is loaded"
    return "; ".join(header.warnings) or "a pickle with nothing but tensors in it"


def _balance(variant: Variant, fit: Fit, *, is_default: bool) -> str:
    if fit == "unknown":
        return "its size is not known"
    guessed = "its size is not told, so this is by its parameters" if variant.size is None else ""
    if fit == "no":
        large = "the smallest, and still too large for this machine" if is_default else "too large for this machine"
        return f"{large}; {guessed}" if guessed else large
    if guessed:
        return guessed
    if is_default:
        return "best balance for this machine"
    bits = _bits(variant)
    return "" if bits is None else next(words for least, words in _WORDS if bits >= least)
