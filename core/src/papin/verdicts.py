"""The check list of a model in words: one text for each check, and the verdict; harmless for a terminal."""

from __future__ import annotations

from papin import words
from papin.answers import Check, Verification
from papin.safe import line, name

__all__ = ["check", "heading", "verdict"]

_VERBS = {
    "file integrity": "Checking file integrity",
    "model format": "Validating model format",
    "provider compatibility": "Testing provider compatibility",
    "memory": "Estimating memory",
}
_MARKS = {"ok": "✓", "failed": "✗", "warning": "!", "skipped": "-"}
_PLAIN_MARKS = {"ok": "ok", "failed": "FAILED", "warning": "WARNING", "skipped": "skipped"}
_WORDS = {"failed": "Error: ", "warning": "Warning: ", "skipped": "Skipped: ", "ok": ""}


def heading(model: str) -> str:
    """Return the first line of the list."""
    return f"Verifying model '{name(model)}'..."


def check(found: Check, *, unicode: bool) -> str:
    """Return one check: its mark, the reason, and a line with the recommendation where there is one."""
    marks = _MARKS if unicode else _PLAIN_MARKS
    text = f"{_verb(found.name)}: {marks[found.outcome]}"
    if found.reason:
        reason = line(found.reason)
        text += f" ({reason})" if found.outcome == "ok" else f" {_WORDS[found.outcome]}{reason}"
    return f"{text}\nRecommendation: {line(found.recommendation)}" if found.recommendation else text


def verdict(verification: Verification) -> str:
    """Return the last line of the list."""
    failed = sum(found.outcome == "failed" for found in verification.checks)
    warned = sum(found.outcome == "warning" for found in verification.checks)
    if failed:
        return f"{words.count(failed, 'check')} failed."
    return f"The model is fine, with {words.count(warned, 'warning')}." if warned else "The model is fine."


def _verb(check_name: str) -> str:
    return _VERBS.get(check_name) or f"Checking {name(check_name)}"
