"""How a file is refused."""

from __future__ import annotations

from papin.errors import FormatInvalid

_AGAIN = "Download it again; if it is complete, it was made wrong: ask whoever made it, or take another file."


def refuse(reason: str, *, next_step: str = _AGAIN) -> FormatInvalid:
    """Return the error for a file that is refused because of `reason`."""
    return FormatInvalid(f"the file is not a valid GGUF file: {reason}", next_step=next_step)


def truncated(size: int, needed: int) -> FormatInvalid:
    """Return the error for a file of `size` bytes that would need at least `needed`."""
    return FormatInvalid(
        f"the file is truncated: it has {size} of at least {needed} bytes",
        next_step="The download or copy was cut off: papin models download or import it again.",
    )
