"""Reading the header of an installed model with whichever format recognises it."""

from __future__ import annotations

from pathlib import Path

import trio

from papin._operations._services import Services
from papin.errors import FormatInvalid, StorageFailed
from papin.formats import read_file
from papin.models import Header, Model, StoredFile


def first_weights(files: tuple[StoredFile, ...]) -> int:
    """Return the index of the file that tells what the model is: the first of its weights."""
    for index, file in enumerate(files):
        if file.role == "weights":
            return index
    raise FormatInvalid("it has no weights", next_step="Choose another model.")


async def read_header_at(services: Services, path: Path) -> Header:
    """Read the header of a local file, in a thread.

    Raises:
        FormatInvalid: no format recognises it, or it is damaged.
        StorageFailed: it cannot be read.
    """
    try:
        return await trio.to_thread.run_sync(read_file, services.formats, path)
    except OSError as error:
        raise StorageFailed(
            f"{path.name} cannot be read: {error.strerror}", next_step="papin models verify tells what is damaged."
        ) from error


async def read_header(services: Services, model: Model) -> Header:
    """Read the header of an installed model."""
    index = first_weights(model.files)
    storage = await services.storage(model.files[index].storage)
    paths = await storage.paths(model)
    return await read_header_at(services, paths[index])
