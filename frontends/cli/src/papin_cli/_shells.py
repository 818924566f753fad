"""Completion in bash, to which a colon ends a word, while papin has one in the middle of most of them.

click's script takes the words that bash makes of a line: of `arch:lla` it sees `lla` alone. This one hands over the
line, and of what a word may become prints what comes after the colons that bash leaves as they are. Importing this
module is enough: click takes it from then on.
"""

from __future__ import annotations

import os
from typing import Any

from click.shell_completion import BashComplete, CompletionItem, add_completion_class, split_arg_string

__all__ = ["Bash"]

_SCRIPT = """\
%(complete_func)s() {
    local IFS=$'\\n' line
    COMPREPLY=()
    for line in $(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_BEGUN="$2" %(complete_var)s=bash_complete "$1"); do
        case $line in
            dir,*) compopt -o dirnames ;;
            file,*) compopt -o default ;;
            *:) COMPREPLY+=("${line#*,}"); compopt -o nospace ;;
            *) COMPREPLY+=("${line#*,}") ;;
        esac
    done
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_END = "\0"


@add_completion_class
class Bash(BashComplete):
    """Completes `COMP_LINE`, a line up to the cursor; `COMP_BEGUN` is the end of it that bash replaces."""

    source_template = _SCRIPT
    _kept = 0

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the whole words of the line but for the program, and the one that is being typed."""
        # With something behind it, an empty word is one, and so is a blank in a quotation that is still open.
        *words, last = split_arg_string(os.environ.get("COMP_LINE", "") + _END)
        incomplete = last.removesuffix(_END)
        self._kept = incomplete.removesuffix(os.environ.get("COMP_BEGUN", "")).count(":")
        return words[1:], incomplete

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return a line for the script."""
        return f"{item.type},{item.value.split(':', self._kept)[-1]}"
