"""Reading the header of an installed model with whichever format recognises it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import trio

from papin._operations._services import Services
from papin.errors import FormatInvalid, PapinError, StorageFailed
from papin.formats import read_file
from papin.models import Header, Model, StoredFile


def first_weights(files: tuple[StoredFile, ...]) -> int:
    """Return the index of the file that tells what the model is: the first of its weights."""
    for index, file in enumerate(files):
        if file.role == "weights":
            return index
    raise FormatInvalid("it has no weights", next_step="Choose another model.")


async def read_header_at(services: Services, path: Path, name: str) -> Header:
    """Read the header of a local file, which errors call `name`, in a thread.

    Raises:
        FormatInvalid: no format recognises it, or it is damaged.
        StorageFailed: it cannot be read.
    """
    try:
        return await trio.to_thread.run_sync(read_file, services.formats, path, name)
    except OSError as error:
        raise StorageFailed(
            f"{name} cannot be read: {error.strerror}", next_step="papin models verify tells what is damaged."
        ) from error


async def read_all_at(services: Services, files: Sequence[StoredFile], paths: Sequence[Path]) -> Header:
    """Read what all weights say together; the parts of a split model must fit each other.

    Raises:
        FormatInvalid: as `read_header_at`, or a part is missing, misplaced or of another model.
    """
    first = first_weights(tuple(files))
    header = await read_header_at(services, paths[first], files[first].name)
    known = services.plugins.formats.get(header.format)
    weights = [index for index, file in enumerate(files) if file.role == "weights"]
    if known is None or known.descriptor.join is None or (len(weights) == 1 and header.shard is None):
        return header
    headers = {files[index].name: await read_header_at(services, paths[index], files[index].name) for index in weights}
    return known.descriptor.join(headers)


async def sampling_of(services: Services, model: Model) -> Mapping[str, int | float]:
    """Return how the file of a model says it is to be sampled; nothing where it cannot be read."""
    try:
        first = first_weights(model.files)
        paths = await services.files.paths(model)
        return (await read_header_at(services, paths[first], model.files[first].name)).sampling
    except PapinError:
        return {}


async def read_header(services: Services, model: Model) -> Header:
    """Read the header of a model whose files are on this machine.

    Raises:
        NotFound: they are not.
        FormatInvalid: as `read_header_at`.
    """
    return await read_all_at(services, model.files, await services.files.paths(model))
