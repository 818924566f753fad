"""Telling in time that a disk fills up."""

from __future__ import annotations

from papin._operations._services import Services
from papin.events import DiskSpaceLow
from papin.storages import Account

_FRACTION = 0.05
_ENOUGH = 10_000_000_000


def is_low(account: Account) -> bool:
    """Tell whether less than 5 % and less than 10 GB of the file system are free."""
    return account.free < min(_ENOUGH, account.total * _FRACTION)


async def tell_if_low(services: Services) -> None:
    """Journal a warning when the default storage's file system is nearly full."""
    account = await (await services.storage()).account()
    if is_low(account):
        event = DiskSpaceLow(path=account.path, free=account.free)
        await services.records.change(lambda write: write.journal(event))
