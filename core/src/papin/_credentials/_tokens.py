"""What a token may look like, and the servers that it may be sent to."""

from __future__ import annotations

from papin.errors import ConfigInvalid, NameInvalid

_LONGEST = 8192


def is_token(text: str) -> bool:
    """Tell whether `text` can stand in a header: printable ASCII without blanks, of a bearable length."""
    return 0 < len(text) <= _LONGEST and all("!" <= letter <= "~" for letter in text)


def checked_token(text: str) -> str:
    """Return the token that a person typed, without the blanks around it.

    Raises:
        NameInvalid: it cannot be one.
    """
    token = text.strip()
    if not is_token(token):
        what = "this token has a blank or a letter in it that no token has" if token else "no token was given"
        raise NameInvalid(what, next_step="Copy the token from the server's page again, and nothing around it.")
    return token


def refuse(where: str) -> ConfigInvalid:
    """Return the error for something at `where` that is no token, without saying what is there."""
    return ConfigInvalid(f"{where} holds something that is no token", next_step="Correct it, or take it away.")


def origin_named(server: str) -> str:
    """Return the origin (`https://huggingface.co`) of a host or an address that a person typed.

    Raises:
        NameInvalid, AddressUnsafe: it is no address, or one over which a token would travel in the clear.
    """
    from papin._http._address import (  # noqa: PLC0415  httpx takes long to import
        host_of,
        is_loopback_host,
        origin_of,
        origin_text,
        parse_url,
    )

    url = parse_url(server if "://" in server else f"https://{server}")
    if url.scheme != "https" and not is_loopback_host(host_of(url)):
        raise NameInvalid(
            f"{host_of(url)} would get the token over http, where anybody can read it",
            next_step="Give its https address.",
        )
    return origin_text(origin_of(url))
