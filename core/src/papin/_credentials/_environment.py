"""Tokens in the environment: `PAPIN_TOKEN_<HOST>`, and `HF_TOKEN` as Hugging Face's own programs read it. Pure.

A host is written with `_` for a dot and `__` for a hyphen, as Terraform does it: `PAPIN_TOKEN_models_my__company_com`
is for `https://models.my-company.com`. No two hosts are written alike, since they have no underscores here.
"""

from __future__ import annotations

from collections.abc import Mapping

from papin._config.source import TOKENS
from papin._credentials._tokens import is_token, refuse

HUGGING_FACE = "https://huggingface.co"
_OF_OTHERS = {"HF_TOKEN": HUGGING_FACE, "HUGGING_FACE_HUB_TOKEN": HUGGING_FACE}


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the name of the variable with the token of each origin; an empty one counts as not set."""
    found: dict[str, str] = {}
    for name in sorted(environ):
        if name.startswith(TOKENS) and environ[name].strip():
            found[f"https://{_host(name.removeprefix(TOKENS))}"] = name
    for name, origin in _OF_OTHERS.items():
        if environ.get(name, "").strip():
            found.setdefault(origin, name)
    return found


def _host(text: str) -> str:
    return text.lower().replace("__", "-").replace("_", ".")


def read(environ: Mapping[str, str], variable: str) -> str:
    """Return the token in a variable. Raises `ConfigInvalid` when it is none."""
    token = environ[variable].strip()
    if not is_token(token):
        raise refuse(f"the variable {variable}")
    return token
