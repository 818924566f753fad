"""Formats as the kernel asks them: each is asked about the files of all others, and so none may fail at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from papin._plugins.found import Plugins
from papin._plugins.installed import EntryPoint

if TYPE_CHECKING:
    from papin.formats import Format


def guard_format(plugins: Plugins, entry: EntryPoint, descriptor: Format) -> Format:
    """Return `descriptor` with a `recognise` that never raises: the first time that it would is noted of `entry`."""
    has_failed = False

    def recognise(head: bytes) -> bool:
        nonlocal has_failed
        try:
            return descriptor.recognise(head)
        except Exception as error:  # noqa: BLE001  a guard: the file may be of another format
            if not has_failed:
                what = f"failed to look at a file for its format {descriptor.name}: {type(error).__name__}"
                plugins.refuse(entry, what, cause=error)
            has_failed = True
            return False

    return msgspec.structs.replace(descriptor, recognise=recognise)
