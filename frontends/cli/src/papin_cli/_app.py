"""What every command gets: the global options, and the output that they ask for."""

from __future__ import annotations

from papin_cli._output import Output

__all__ = ["App"]


class App:
    """One call of papin. The options of the command line fill it in while they are read."""

    def __init__(self, program: str = "papin", out: Output | None = None) -> None:
        self.program = program
        self.offline = False
        self.out = out or Output()
