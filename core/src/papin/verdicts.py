"""The check list of a model in words: one text for each check, and the verdict; harmless for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from papin import words
from papin.answers import Check, Verification
from papin.safe import line, name

__all__ = ["check", "heading", "summary", "verdict"]

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


def summary(verifications: Sequence[Verification]) -> str:
    """Return what was found of several models: how many there are, which of them are damaged, and what to do next."""
    damaged = [each.model for each in verifications if any(map(_is_damage, each.checks))]
    failed = sum(not each.passed for each in verifications)
    outcome = f"{len(verifications) - failed} fine, {failed} not" if failed else "all fine"
    shown = [f"{words.count(len(verifications), 'model')}: {outcome}."]
    return "\n".join([*shown, *(f"Next: papin models repair {name(each)}" for each in damaged if ":" not in each)])


def _is_damage(found: Check) -> bool:
    return found.name == "file integrity" and found.outcome == "failed"


def _verb(check_name: str) -> str:
    return _VERBS.get(check_name) or f"Checking {name(check_name)}"
