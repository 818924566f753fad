"""Whether what a catalog has now is another version of an installed model. Pure."""

from __future__ import annotations

import re
from typing import Literal

from papin.answers import DownloadPlan
from papin.models import FileSource, Model, Variant

__all__ = ["Change", "compare", "has_same_weights", "may_be_touched"]

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
        if model.revision and model.revision == variant.revision:
            return "same"
        return _by_sizes(model, variant)
    if told != have:
        return "weights"
    beside = {file.sha256 for file in variant.files if file.role == "sidecar" and file.sha256}
    if beside - {file.sha256 for file in model.files}:
        return "metadata"
    is_other = bool(model.revision) and model.revision != variant.revision
    return "metadata" if is_other and _MANIFEST.fullmatch(variant.revision) else "same"


def may_be_touched(model: Model, variant: Variant) -> bool:
    """Tell whether only the time of files on this machine says that they are others: their digests are to decide."""
    files = [file for file in variant.files if file.role != "sidecar"]
    if not files or model.revision == variant.revision or any(file.sha256 for file in files):
        return False
    sizes = sorted(str(file.size) for file in model.files if file.role != "sidecar")
    return sorted(str(file.size) for file in files) == sizes and all(
        isinstance(each, FileSource) for file in variant.files for each in file.sources
    )


def has_same_weights(model: Model, variant: Variant, plan: DownloadPlan) -> bool:
    """Tell whether of each file of other content only the beginning is new, as far as `plan` could see."""
    here = [file.sha256 for file in model.files if file.role != "sidecar"]
    there = [file for file in variant.files if file.role != "sidecar"]
    reused = {file.name for file in plan.files if file.reused}
    return len(here) == len(there) and all(file.sha256 in here or file.name in reused for file in there)


def _by_sizes(model: Model, variant: Variant) -> Change:
    """Compare by sizes alone: other weights are another content, and the same with no revision the best there is.

    Of files on this machine another revision is as good as another content: to take them again costs only a look.
    """
    told = [file.size for file in variant.files if file.role != "sidecar"]
    if None in told or not told:
        return "unknown"
    if sorted(map(str, told)) != sorted(str(file.size) for file in model.files if file.role != "sidecar"):
        return "weights"
    if model.revision and all(isinstance(each, FileSource) for file in variant.files for each in file.sources):
        return "weights"
    return "unknown" if model.revision or variant.revision else "same"
