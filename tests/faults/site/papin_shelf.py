"""A catalog with one model, whatever is asked for: the variant that stands, as JSON, in the file of its settings."""

from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from papin.catalogs import Catalog
from papin.hookspecs import hookimpl
from papin.models import Variant


class Settings(msgspec.Struct, frozen=True):
    """Where the variant stands."""

    file: str = ""


class Shelf:
    """The session."""

    def __init__(self, file):
        self._file = Path(file)

    async def resolve(self, name, variant):
        """Return it."""
        return msgspec.json.decode(self._file.read_bytes(), type=Variant)


@asynccontextmanager
async def open_shelf(context):
    """Open the catalog."""
    yield Shelf(context.settings.file)


@hookimpl
def papin_catalogs():
    """Register it."""
    yield Catalog(name="shelf", prefix="shelf", summary="one model", open=open_shelf, settings=Settings)
