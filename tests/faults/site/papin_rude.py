"""A plugin that fails wherever it is called: in a hook, and, asked first, at every file. All others go on (I10)."""

from papin.formats import Format
from papin.hookspecs import hookimpl


def _fail(*_, **__):
    raise RuntimeError("the rude plugin fails")


@hookimpl
def papin_catalogs():
    """Fail while the plugins are collected."""
    raise SystemExit("the rude plugin wants to end the program")


@hookimpl
def papin_formats():
    """Register what fails when it is used."""
    yield Format(name="rude", summary="fails", suffixes=(".gguf",), recognise=_fail, read=_fail)
