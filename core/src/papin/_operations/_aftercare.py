"""What is done once a model is installed: old leftovers are swept, and a disk that fills up is told of in time."""

from __future__ import annotations

import time

from papin._operations._services import Services
from papin.events import DiskSpaceLow
from papin.storages import Account

_FRACTION = 0.05
_ENOUGH = 10_000_000_000
_ABANDONED = 30 * 24 * 3600.0


def is_low(account: Account) -> bool:
    """Tell whether less than 5 % and less than 10 GB of the file system are free."""
    return account.free < min(_ENOUGH, account.total * _FRACTION)


async def look_after(services: Services) -> None:
    """Sweep what nobody went on with for a month, and journal a warning when the file system is nearly full."""
    storage = await services.storage()
    await storage.sweep(before=time.time() - _ABANDONED)
    account = await storage.account()
    if is_low(account):
        event = DiskSpaceLow(path=account.path, free=account.free)
        await services.records.change(lambda write: write.journal(event))
