"""What every command gets: the global options, and the output that they ask for."""

from __future__ import annotations

from dataclasses import dataclass, field

import click

from papin_cli._output import Output

__all__ = ["App", "pass_app"]


@dataclass
class App:
    """One call of papin. The options of the command line fill it in while they are read."""

    program: str = "papin"
    offline: bool = False
    out: Output = field(default_factory=Output)


pass_app = click.make_pass_decorator(App, ensure=True)
