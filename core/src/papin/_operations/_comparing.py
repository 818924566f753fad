"""Whether what a catalog has now is another version of an installed model. Pure."""

from __future__ import annotations

import re
from typing import Literal

from papin.models import Model, Variant

__all__ = ["Change", "compare"]

Change = Literal["same", "metadata", "weights", "unknown"]

_MANIFEST = re.compile(r"(?:sha256[:-])?[0-9a-f]{64}")


def compare(model: Model, variant: Variant) -> Change:
    """Return what is other in `variant`: the weights, only what stands beside them, nothing, or nobody can tell.

    Files are compared by digest. A commit that touched no file of ours is no update; the digest of a manifest (64 hex
    digits) is one of its content, so another one is a change of its template or parameters at least.
    """
    told = {file.sha256 for file in variant.files if file.role != "sidecar"}
    have = {file.sha256 for file in model.files if file.role != "sidecar"}
    if None in told or not told:
        is_same = bool(model.revision) and model.revision == variant.revision
        return "same" if is_same or _same_sizes(model, variant) else "unknown"
    if told != have:
        return "weights"
    beside = {file.sha256 for file in variant.files if file.role == "sidecar" and file.sha256}
    if beside - {file.sha256 for file in model.files}:
        return "metadata"
    is_other = bool(model.revision) and model.revision != variant.revision
    return "metadata" if is_other and _MANIFEST.fullmatch(variant.revision) else "same"


def _same_sizes(model: Model, variant: Variant) -> bool:
    """Tell whether nothing at all contradicts: without digest and revision, that is the best there is."""
    if model.revision or variant.revision or not variant.files:
        return False
    sizes = [file.size for file in variant.files]
    return None not in sizes and sorted(map(str, sizes)) == sorted(str(file.size) for file in model.files)
