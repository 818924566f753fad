"""One list of all models on this machine, whichever program has them: each payload once, with where it is usable.

Pure: from what is recorded of papin's own models and of what providers have, to groups of what is the same. Models are
the same when their weights are: by digest where that is known, else by the files themselves (device and inode).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from papin.errors import Ambiguous
from papin.inventories import Inventory, Listing, ProviderFile, ProviderModel, Remark
from papin.models import Model, Placement, StoredFile, Value

__all__ = ["Holding", "Shelf", "Shelved", "digests", "group", "is_foreign", "merged", "paths_of"]

_LISTED = 5
_SHOWN = 60


class Holding(Value, frozen=True, kw_only=True):
    """A model as one provider has it; `unreadable` is as in `papin.inventories.Listing`."""

    provider: str
    model: ProviderModel
    unreadable: str = ""

    @property
    def id(self) -> str:
        """What a person types for it: `ollama:qwen3:0.6b`."""
        return f"{self.provider}:{self.model.reference}"


class Shelved(Value, frozen=True, kw_only=True):
    """One payload: who has it. `owner` is the id of papin's own model, or empty where only providers have it.

    `duplicated` is how many bytes of it are stored a second time.
    """

    holdings: tuple[Holding, ...]
    owner: str = ""
    duplicated: int = 0

    @property
    def is_remote(self) -> bool:
        """Tell whether its weights are on no machine that anybody here has: it is run by somebody else's."""
        return all(each.model.state == "remote" for each in self.holdings)

    @property
    def is_elsewhere(self) -> bool:
        """Tell whether it has bytes, and papin neither sees any of them nor knows them to be on this machine."""
        models = [each.model for each in self.holdings]
        is_here = any(each.unreadable for each in self.holdings) or any(
            file.inode for model in models for file in model.files
        )
        return not self.owner and not is_here and any(model.size for model in models)

    @property
    def id(self) -> str:
        """Papin's id, or the first provider's name and its own name for it."""
        return self.owner or self.holdings[0].id


def digests(inventories: Iterable[Inventory]) -> set[str]:
    """Return the digests of all weights that providers have."""
    return {
        file.sha256
        for inventory in inventories
        for model in inventory.listing.models
        for file in model.files
        if file.sha256 and file.role == "weights"
    }


def _unreadable(listing: Listing, model: ProviderModel) -> str:
    """Return the folder that the files of a model lie in unseen, or nothing where that is not so."""
    if not listing.unreadable or model.state == "remote" or any(file.path for file in model.files):
        return ""
    return listing.unreadable


def group(inventories: Sequence[Inventory], owners: Mapping[frozenset[str], str]) -> tuple[Shelved, ...]:
    """Return what providers have, each payload once, in the order of providers and of their own lists.

    `owners` are papin's own models, by the digests of all their weights.
    """
    names = _digests_by_inode(inventories)
    found: dict[object, list[Holding]] = defaultdict(list)
    for inventory in inventories:
        for model in inventory.listing.models:
            unreadable = _unreadable(inventory.listing, model)
            holding = Holding(provider=inventory.provider, model=model, unreadable=unreadable)
            found[_identity(holding, names)].append(holding)
    shared = {digest for inventory in inventories for digest in inventory.shared}
    return tuple(
        [
            Shelved(holdings=tuple(holdings), owner=owner, duplicated=_duplicated(holdings, owner, shared, names))
            for identity, holdings in found.items()
            for owner in [owners.get(identity, "") if isinstance(identity, frozenset) else ""]
        ]
    )


def _digests_by_inode(inventories: Iterable[Inventory]) -> dict[tuple[int, int], str]:
    # Two programs may have the same file, and only one of them tell its digest.
    return {
        file.inode: file.sha256
        for inventory in inventories
        for model in inventory.listing.models
        for file in model.files
        if file.inode and file.sha256
    }


def _name(file: ProviderFile, names: Mapping[tuple[int, int], str]) -> str:
    return file.sha256 or (names.get(file.inode, "") if file.inode else "")


def _identity(holding: Holding, names: Mapping[tuple[int, int], str]) -> object:
    weights = [file for file in holding.model.files if file.role == "weights"]
    known = frozenset([_name(file, names) for file in weights])
    if weights and "" not in known:
        return known
    inodes = [file.inode for file in weights]
    if weights and None not in inodes:
        return tuple(sorted(set(inodes)))  # type: ignore[type-var]  # none of them is None
    return holding.id


def _duplicated(holdings: Sequence[Holding], owner: str, shared: set[str], names: Mapping[tuple[int, int], str]) -> int:
    copies: dict[str, dict[tuple[int, int], int]] = defaultdict(dict)
    for holding in holdings:
        for file in holding.model.files:
            name = _name(file, names)
            if name and file.inode and file.role == "weights":
                copies[name][file.inode] = file.size
    extra = {name: len(inodes) - (1 if not owner or name in shared else 0) for name, inodes in copies.items()}
    return sum(extra[name] * max(inodes.values()) for name, inodes in copies.items())


class Shelf:
    """What providers have, ready to be looked up; `remarks` are what the user says of what only they have."""

    def __init__(
        self,
        inventories: Sequence[Inventory],
        owners: Mapping[frozenset[str], str],
        remarks: Mapping[tuple[str, str], Remark],
    ) -> None:
        self._remarks = remarks
        self._at = {inventory.provider: inventory.at for inventory in inventories}
        self._there = {inventory.provider for inventory in inventories if inventory.is_there}
        self.groups = group(inventories, owners)
        self._owned = {each.owner: each for each in self.groups if each.owner}

    def placed(self, model: Model) -> Model:
        """Return an installed model with where it is usable: what papin recorded, and what providers list.

        A recorded placement that its provider does not list any more is not told.
        """
        shelved = self._owned.get(model.id)
        holdings = shelved.holdings if shelved else ()
        listed = {(each.provider, each.model.reference) for each in holdings}
        recorded = [
            each
            for each in model.placements
            if (each.provider, each.reference) in listed or each.provider not in self._there
        ]
        known = {(each.provider, each.reference) for each in recorded}
        reflinked = sum(each.how == "reflink" for each in recorded)
        others = [_placement(each) for each in holdings if (each.provider, each.model.reference) not in known]
        return msgspec.structs.replace(
            model,
            placements=(*recorded, *others),
            duplicated=0 if reflinked == len(holdings) or shelved is None else shelved.duplicated,
        )

    def only(self) -> tuple[Model, ...]:
        """Return the models that only providers have, by id; those whose weights are elsewhere (in a cloud) are not."""
        foreign = (each for each in self.groups if not each.owner and not each.is_remote)
        return tuple(sorted(map(self.model, foreign), key=attrgetter("id")))

    def model(self, shelved: Shelved, holding: Holding | None = None) -> Model:
        """Return what providers have as a model, by the name of `holding` or else of the first one that has it.

        Its files are those of that provider, where they lie there: no storage of papin has them.
        """
        first = holding or shelved.holdings[0]
        others = [each for each in shelved.holdings if each != first]
        known = _Known([first.model, *(each.model for each in others)])
        remark = self._remarks.get((first.provider, first.model.reference), Remark())
        return Model(
            id=first.id,
            ref=first.id,
            files=_files(first),
            installed_at=first.model.modified_at or self._at[first.provider],
            source=first.provider,
            revision=first.model.digest,
            format=known.text("format"),
            architecture=known.text("architecture"),
            parameters=known.value("parameters"),
            quantization=known.text("quantization"),
            context_length=known.value("context_length"),
            license=known.text("license"),
            capabilities=known.value("capabilities") or (),
            favourite=remark.favourite,
            tags=remark.tags,
            collections=remark.collections,
            settings=remark.settings,
            placements=tuple([_placement(each) for each in (first, *others)]),
            last_used_at=remark.last_used_at,
            uses=remark.uses,
            size=first.model.size or sum(file.size for file in first.model.files),
            duplicated=shelved.duplicated,
            elsewhere=shelved.is_elsewhere,
            unreadable=first.unreadable,
        )

    def find(self, text: str) -> tuple[Shelved, Holding | None] | None:
        """Return what `text` means: an id, a provider's own name, that name without its tag, or the begin of one.

        Where it names a provider, that one is returned beside it: its name may come with settings of its own.

        Raises:
            Ambiguous: several are called so.
        """
        for matches, is_explicit in _MATCHES:
            found = [
                (shelved, holding) for shelved in self.groups for holding in shelved.holdings if matches(holding, text)
            ]
            if len({shelved.id for shelved, _ in found}) > 1:
                raise _ambiguous(text, [holding.id for _, holding in found])
            if found:
                return found[0] if is_explicit else (found[0][0], None)
        return None

    def with_file(self, file: ProviderFile) -> tuple[Holding, ...]:
        """Return the models, of any provider, that have exactly this file."""
        return tuple(
            holding
            for shelved in self.groups
            for holding in shelved.holdings
            if any(file.inode is not None and file.inode == each.inode for each in holding.model.files)
        )

    def copies(self, sha256: str) -> tuple[str, ...]:
        """Return the paths of files that providers say have that content; nobody has checked it."""
        held = [holding for shelved in self.groups for holding in shelved.holdings]
        found = [each.path for holding in held for each in holding.model.files if each.path and each.sha256 == sha256]
        return tuple(dict.fromkeys(found))

    def holder(self, provider: str, reference: str) -> tuple[Shelved, Holding] | None:
        """Return the payload that a provider has under that name of its own, with or without its tag."""
        for matches in (_is_id, _is_untagged):
            for shelved in self.groups:
                for holding in shelved.holdings:
                    if matches(holding, f"{provider}:{reference}"):
                        return shelved, holding
        return None


def is_foreign(model: Model) -> bool:
    """Tell whether only a provider has `model`: no id of papin's own has a colon."""
    return ":" in model.id


def paths_of(holding: Holding) -> tuple[str, ...]:
    """Return where the files of a model lie that running it takes, in the order of `Model.files`; "" where unknown."""
    return tuple([file.path for file in holding.model.files if file.role != "sidecar"])


def _files(holding: Holding) -> tuple[StoredFile, ...]:
    return tuple(
        [
            StoredFile(
                name=file.name,
                sha256=file.sha256,
                size=file.size,
                role=file.role,
                format=holding.model.format,
                storage=holding.provider,
            )
            for file in holding.model.files
            if file.role != "sidecar"
        ]
    )


def _placement(holding: Holding) -> Placement:
    return Placement(provider=holding.provider, reference=holding.model.reference, how="in-place")


class _Known:
    """What the providers that have a model say of it: the first word counts."""

    def __init__(self, models: Sequence[ProviderModel]) -> None:
        self._models = models

    def value(self, field: str) -> Any:
        first = getattr(self._models[0], field)
        if first or len(self._models) == 1:  # nearly always, in a list of thousands
            return first or None
        return next((value for model in self._models if (value := getattr(model, field))), None)

    def text(self, field: str) -> str:
        return self.value(field) or ""


def _is_id(holding: Holding, text: str) -> bool:
    return holding.id == text


def _is_reference(holding: Holding, text: str) -> bool:
    return holding.model.reference == text


def _is_untagged(holding: Holding, text: str) -> bool:
    name = holding.model.reference.rpartition(":")[0]
    return bool(name) and text == f"{holding.provider}:{name}"


def _is_bare(holding: Holding, text: str) -> bool:
    name = holding.model.reference.rpartition(":")[0]
    return bool(name) and text == name


def _is_begin(holding: Holding, text: str) -> bool:
    # Of `lmstudio:publisher/repo/Model-Q4_K_M.gguf` a person remembers `model`.
    reference = holding.model.reference.lower()
    names = (holding.id.lower(), reference, reference.rpartition("/")[2])
    return bool(text) and any(name.startswith(text.lower()) for name in names)


_MATCHES: Sequence[tuple[Callable[[Holding, str], bool], bool]] = (
    (_is_id, True),
    (_is_untagged, True),
    (_is_reference, False),
    (_is_bare, False),
    (_is_begin, False),
)


def _ambiguous(text: str, found: Sequence[str]) -> Ambiguous:
    listed = ", ".join(found[:_LISTED]) + (" ..." if len(found) > _LISTED else "")
    return Ambiguous(f"{text[:_SHOWN]!a} may be any of {len(found)} models", next_step=f"Say which one: {listed}.")


def merged(models: Sequence[Model], shelf: Shelf) -> tuple[Model, ...]:
    """Return papin's own models with where they are usable, and those that only providers have."""
    return (*map(shelf.placed, models), *shelf.only())
