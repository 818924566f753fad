"""Which models of the catalogs are here: by where the installed ones came from, and by their files."""

from __future__ import annotations

from papin._index._identity import first_bytes
from papin._index._read import Installed
from papin._registry._read import Read

__all__ = ["installed_in"]


def installed_in(read: Read) -> Installed:
    """Return what tells whether a model of a catalog is here, in papin's storage or with a provider alone."""
    held = {
        file.sha256: group.id
        for group in read.shelf().groups
        for holding in group.holdings
        for file in holding.model.files
        if file.role == "weights" and file.sha256
    }
    by_digest = {first_bytes(sha256): model for sha256, model in (held | read.weights()).items()}
    return Installed(by_ref=read.origins(), by_digest=by_digest)
