"""Which size and build of a model to take: what each is worth, the default choice, a word on each. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import msgspec

from papin.discovery import Fit, Judged
from papin.filenames import bits_of
from papin.memory import TYPICAL_BITS, Room, estimate, estimate_variant, fit_of
from papin.models import Header, Variant

__all__ = ["by_size", "capability", "choose", "fits", "judge", "preference", "speed", "stated"]

# Four and a half bits and more lose little; below that, quality falls faster than size.
_BEST = 4.89  # Q4_K_M
_FEWER_BITS = 3.0
_LEGACY = 0.5  # Q4_0 and its like are worse than K-quants of the same size
_UNKNOWN = 1000.0
_HALF_BITS = 15.0
_PICKLED = "pytorch"
_TENSORS = "safetensors"
_ONE_SIZE = 1.1  # names round: what is called 8B has 8.03 billion weights
_LARGEST = 70_000_000_000
# How much of what a model knows is left below which number of bits per weight.
_QUALITY = ((1.9, 0.4), (3.4, 0.7), (4.1, 0.85), (5.3, 0.94), (6.2, 0.97), (7.2, 0.99))
# Reading all weights once for each token makes a main memory of some 25 GB a second the limit.
_QUICK_IN_MAIN_MEMORY = 2_500_000_000
_SLOWEST = 0.1


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


def capability(variant: Variant) -> float:
    """Return how much a variant can do, from 0 to 1 (70 billion weights, unharmed); it grows slower than weights."""
    bits = _bits(variant) or TYPICAL_BITS.get(variant.format, TYPICAL_BITS["gguf"])
    weights = variant.parameters or (variant.size or 0) * 8 / bits
    left = next((share for most, share in _QUALITY if bits < most), 1.0)
    return min(1.0, math.log1p(weights / 1e9) / math.log1p(_LARGEST / 1e9)) * left


def speed(needed: int) -> float:
    """Return from 1 (quick) to 0.1 (an answer takes minutes) for a model that needs that many bytes of main memory."""
    return max(_SLOWEST, min(1.0, _QUICK_IN_MAIN_MEMORY / max(1, needed)))


def by_size(variants: Sequence[Variant]) -> list[list[Variant]]:
    """Return `variants` by the sizes (in parameters) that their model comes in, the smallest first; unknown is one."""
    sizes: list[list[Variant]] = []
    for each in sorted(variants, key=lambda each: each.parameters or 0):
        if not sizes or (each.parameters or 0) > _ONE_SIZE * (sizes[-1][0].parameters or 0):
            sizes.append([])
        sizes[-1].append(each)
    return sizes


def fits(variant: Variant, space: Room) -> Fit:
    """Return where `variant` would run."""
    return fit_of(estimate_variant(variant), space)


def stated(variant: Variant, header: Header) -> Variant:
    """Return `variant` with the type of its weights as the header of its first file tells, where nobody said it."""
    if _bits(variant) is not None or not header.bits_per_weight:
        return variant
    return msgspec.structs.replace(
        variant, quantization=variant.quantization or header.quantization, bits_per_weight=header.bits_per_weight
    )


def choose(variants: Sequence[Variant], space: Room, formats: Collection[str] = ()) -> Variant | None:
    """Return the default choice; None of none.

    Pickles come last, since loading them may run code. What a provider here can run (`formats`; empty: not known) comes
    before the rest, what fits before what may fit. Of several sizes it is the most capable one on the GPU, or else the
    one that can most and is still quick in main memory; of the builds of one size the best balance. Where nothing fits,
    it is the smallest.
    """
    best = [_of_one_size(size, space) for size in by_size(_runnable(variants, formats))]
    fitting = [each for each in best if fits(each, space) in ("gpu", "memory")]
    if fitting:
        return max(fitting, key=lambda each: _suits(each, space))
    unknown = [each for each in best if fits(each, space) == "unknown"]
    return min(unknown or best, key=lambda each: estimate_variant(each) or 0, default=None)


def _of_one_size(variants: Sequence[Variant], space: Room) -> Variant:
    fitting = [each for each in variants if fits(each, space) in ("gpu", "memory")]
    unknown = [each for each in variants if fits(each, space) == "unknown"]
    if fitting or unknown:
        return min(fitting or unknown, key=preference)
    return min(variants, key=lambda each: estimate_variant(each) or 0)


def _suits(variant: Variant, space: Room) -> tuple[bool, float]:
    needed = estimate_variant(variant) or 0
    if needed <= space.gpu:
        return True, capability(variant)
    return False, capability(variant) * speed(needed)


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
    """Return each variant with its fit and a note, the smallest first; `installed` are ids of models by references.

    Those of unknown size come after the others, as they were.

    `header` is that of any of them: they share all that their memory depends on, but the size.
    """
    default = choose(variants, space, formats)
    best = f"best {'size' if len(by_size(variants)) > 1 else 'balance'} for this machine"
    here = installed or {}
    return tuple(
        Judged(
            variant=each,
            fit=(fit := fit_of(needed := _need(each, header), space)),
            memory=needed,
            note=_note(each, fit, header, best if each is default else ""),
            is_default=each is default,
            installed=here.get(each.ref, ""),
        )
        for each in sorted(variants, key=lambda each: math.inf if each.size is None else each.size)
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


def _note(variant: Variant, fit: Fit, header: Header | None, best: str) -> str:
    about = _balance(variant, fit, best)
    return "; ".join(each for each in (_danger(variant, header), about, _assumed(variant)) if each)


def _danger(variant: Variant, header: Header | None) -> str:
    """Return what to be told of a pickle: what is in it, where somebody looked, and else what may be."""
    if variant.format != _PICKLED:
        return ""
    if header is None or header.format != _PICKLED:
        return "a pickle, which may run code when it is loaded"
    return "; ".join(header.warnings) or "a pickle with nothing but tensors in it"


def _balance(variant: Variant, fit: Fit, best: str) -> str:
    """Return what is to be said of how large a variant is; `best` are the words for the default choice."""
    if fit == "unknown":
        return "its size is not known"
    if fit == "no":
        return "the smallest, and still too large for this machine" if best else "too large for this machine"
    bits = _bits(variant)
    return best or ("" if bits is None else next(words for least, words in _WORDS if bits >= least))


def _assumed(variant: Variant) -> str:
    """Return how safetensors were counted of which neither the bytes nor the type is told: they may be of any."""
    if variant.format != _TENSORS or variant.size is not None or _bits(variant) is not None or not variant.parameters:
        return ""
    return f"counted at {TYPICAL_BITS[_TENSORS]:g} bits a weight, which nobody told"
