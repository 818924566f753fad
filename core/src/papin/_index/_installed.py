"""Which models of the catalogs are here: by where the installed ones came from, and by their files."""

from __future__ import annotations

from papin._index._read import Installed
from papin._registry._read import Read

__all__ = ["installed_in"]


def installed_in(read: Read) -> Installed:
    """Return what tells whether a model of a catalog is here."""
    models = read.models()
    return Installed(
        by_ref={model.ref: model.id for model in models if model.ref},
        by_digest={
            int.from_bytes(bytes.fromhex(file.sha256[:16]), signed=True): model.id
            for model in models
            for file in model.files
            if file.role == "weights"
        },
    )
