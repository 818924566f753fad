"""Where things are in a store; every path is made here, from checked names and digests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from papin.errors import NameInvalid
from papin.names import check, place
from papin_store._durable import make_folder

MARKER = "store.json"


class Layout(msgspec.Struct, frozen=True):
    """The folders of the store at `root`."""

    root: Path

    @property
    def marker(self) -> Path:
        """The file by which a store is known."""
        return place(self.root, MARKER)

    @property
    def blobs(self) -> Path:
        """The payloads, in folders by the first two digits of their digests."""
        return place(self.root, "blobs", "sha256")

    @property
    def models(self) -> Path:
        """The sidecars."""
        return place(self.root, "models")

    @property
    def by_name(self) -> Path:
        """The readable links, a folder for each model."""
        return place(self.root, "by-name")

    @property
    def incoming(self) -> Path:
        """The staging areas."""
        return place(self.root, "incoming")

    @property
    def space(self) -> Path:
        """The file whose lock makes reservations one after the other."""
        return place(self.root, "space.lock")

    def make(self) -> None:
        """Make the folders that are missing."""
        for folder in (self.blobs.parent, self.blobs, self.models, self.by_name, self.incoming):
            make_folder(folder)

    def blob(self, sha256: str) -> Path:
        """The path of a payload."""
        digest = check(sha256, "digest")
        return place(self.blobs, digest[:2], digest)

    def staging(self, key: str) -> Path:
        """The folder of a staging area."""
        return place(self.incoming, check(key, "digest"))

    def staged(self) -> Iterator[str]:
        """Yield the keys of all staging areas; what else lies there is not ours."""
        for path in self.incoming.iterdir():
            with suppress(NameInvalid):
                if check(path.name, "digest") and path.is_dir() and not path.is_symlink():
                    yield path.name

    def sidecar(self, model: str) -> Path:
        """The sidecar of a model."""
        return place(self.models, f"{check(model, 'id')}.json")

    def links(self, model: str) -> Path:
        """The folder of a model's readable links."""
        return place(self.by_name, check(model, "id"))

    def link(self, model: str, name: str) -> Path:
        """The readable link of a file of a model."""
        return place(self.links(model), name)
