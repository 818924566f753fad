"""What is here of the version before a model, so that no more than the new beginnings of its files need be fetched."""

from __future__ import annotations

from collections.abc import Mapping

from papin._operations._headers import read_header_at
from papin._operations._services import Services
from papin._registry import Read
from papin._transfers import Base, likely
from papin.errors import PapinError
from papin.models import Model, StoredFile, Variant

__all__ = ["bases_of", "likely_reused", "replaced", "version_before"]


def version_before(read: Read, variant: Variant, replaces: str = "") -> Model | None:
    """Return the installed model that `variant` is a version of: the one it `replaces`, or the last of its name."""
    if replaces:
        return read.model(replaces)
    models = read.models_from(variant.ref) if variant.ref else ()
    return max(models, key=lambda model: model.installed_at, default=None)


def replaced(variant: Variant, model: Model) -> dict[str, StoredFile]:
    """Return which file of `model` each new file of `variant` replaces, by name: the one of its name, or of its role.

    The role tells only where one file has it, on both sides.
    """
    here = {file.sha256 for file in model.files}
    found = {}
    for file in variant.files:
        if file.role == "sidecar" or file.sha256 is None or file.sha256 in here:
            continue
        alike = [each for each in model.files if each.role == file.role]
        same = [each for each in alike if each.name == file.name]
        if not same and len(alike) == 1 == sum(each.role == file.role for each in variant.files):
            same = alike
        if same:
            found[file.name] = same[0]
    return found


async def bases_of(services: Services, variant: Variant, model: Model | None) -> dict[str, Base]:
    """Return what of `model` may be reused for new files of `variant`, by name, where its header can be read."""
    if model is None:
        return {}
    found = {name: await _base(services, old) for name, old in replaced(variant, model).items()}
    return {name: base for name, base in found.items() if base is not None}


async def _base(services: Services, old: StoredFile) -> Base | None:
    try:
        path = await (await services.storage(old.storage)).locate(old.sha256)
        header = path and await read_header_at(services, path, old.name)
    except PapinError:
        return None  # it is damaged or gone, which an update is the remedy for
    if path is None or not header or not header.header_bytes:
        return None
    return Base(path=path, size=old.size, header=header.header_bytes)


async def likely_reused(services: Services, variant: Variant, model: Model | None) -> Mapping[str, int]:
    """Return how many bytes of new files of `variant` need not be fetched, likely, by name; their servers are asked."""
    bases = await bases_of(services, variant, model)
    files = {file.name: file for file in variant.files}
    return {name: await likely(files[name], base, services.http) for name, base in bases.items()}
