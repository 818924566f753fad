"""What a provider has, as something that papin can install: its files, taken over where they are."""

from __future__ import annotations

import os
from pathlib import Path

import trio

from papin import names
from papin._disk import disk_errors
from papin._operations._services import Services
from papin.errors import NotFound, ProviderFailed, StorageFailed
from papin.models import FileSource, Variant, WantedFile
from papin.shelf import Holding


async def holding_of(services: Services, provider: str, reference: str) -> Holding:
    """Return a model as a provider has it.

    Raises:
        NotFound: it has none of that name.
        ProviderFailed: it does not have its weights on this machine, or they are damaged.
    """
    shelf = await services.records.read(lambda read: read.shelf())
    found = shelf.holder(provider, reference)
    if found is None:
        listed = [
            each.model.reference for group in shelf.groups for each in group.holdings if each.provider == provider
        ]
        near = names.nearest(reference, listed)
        raise NotFound(
            f"{provider} has no model {reference[:60]!a}",
            next_step=f"The nearest: {', '.join(near)}." if near else f"papin providers show {provider}",
        )
    holding = found[1]
    if holding.model.state != "ready":
        why = holding.model.problem or "its weights are not on this machine"
        raise ProviderFailed(f"{holding.id} is {holding.model.state}: {why}", next_step="Choose another model.")
    return holding


def variant_of_holding(holding: Holding) -> Variant:
    """Return what taking over a provider's model would install; its digests are the provider's word, to be checked.

    Raises:
        ProviderFailed: the provider does not tell where its files are.
    """
    files = [file for file in holding.model.files if file.role != "sidecar"]
    if not files or not all(file.path for file in files):
        raise ProviderFailed(
            f"{holding.provider} does not tell where the files of {holding.model.reference} are",
            next_step=f"Download it instead: papin models download {holding.id}",
        )
    wanted = tuple(
        WantedFile(
            name=names.make_file_name(file.name),
            sources=(FileSource(path=file.path),),
            role=file.role,
            size=file.size,
            sha256=file.sha256 or None,
        )
        for file in files
    )
    model = holding.model
    return Variant(
        ref="",
        catalog="",
        name=model.reference.replace(":", "-"),
        variant="",
        files=wanted,
        license=model.license,
        capabilities=model.capabilities,
        context_length=model.context_length,
    )


async def check_linkable(services: Services, variant: Variant) -> None:
    """See that the files of `variant` can become the storage's own without a second copy.

    Raises:
        StorageFailed: they lie on another file system.
    """
    root = Path((await (await services.storage()).account()).path)
    paths = [Path(source.path) for file in variant.files for source in file.sources if isinstance(source, FileSource)]
    with disk_errors("the files of the model"):
        far = await trio.to_thread.run_sync(
            lambda: [path for path in paths if os.stat(path).st_dev != os.stat(root).st_dev]  # noqa: PTH116  as it reads
        )
    if far:
        raise StorageFailed(
            f"{far[0]} is on another file system than papin's store, so that it cannot be taken over by a link",
            next_step="Allow a copy, which takes the space a second time (--copy).",
        )
