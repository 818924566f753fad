"""Command groups that import a command only when it is called, and yet can list them all.

`papin --help` names thirty commands; importing each of them for its one line would take longer than anything else.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import click

__all__ = ["Branch", "LazyGroup", "Where"]


class Where(NamedTuple):
    """Where a command is defined, and its line in the help of its group."""

    module: str
    attribute: str
    summary: str


class Branch(NamedTuple):
    """A group of commands below this one, and its line in the help."""

    table: Mapping[str, Where]
    summary: str


class LazyGroup(click.Group):
    """A group whose commands are named in a table."""

    def __init__(self, *args: Any, table: Mapping[str, Where | Branch], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table, which is the order of use and not of the alphabet."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the command of that name."""
        found = self._table.get(cmd_name)
        if isinstance(found, Branch):
            return LazyGroup(name=cmd_name, help=found.summary, table=found.table)
        if found is None:
            return None
        command: click.Command = getattr(importlib.import_module(found.module), found.attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of `args`; one that does not exist is told with the nearest names."""
        name = args[0] if args else ""
        if name not in self._table and name[:1].isalnum():
            self._refuse(ctx, name)
        return super().resolve_command(ctx, args)

    def _refuse(self, ctx: click.Context, name: str) -> None:
        import difflib  # noqa: PLC0415 - only when somebody mistyped

        near = difflib.get_close_matches(name, self._table, n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        ctx.fail(f"No such command {name!r}.{hint}")

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the table, without importing anything."""
        rows = [(name, found.summary) for name, found in self._table.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
