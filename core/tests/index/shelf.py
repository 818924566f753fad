"""A catalog to fill the index from, and what the tests ask of it."""

from datetime import UTC, datetime

from papin._index import _read, _write
from papin._index._conditions import Here
from papin._index._installed import Installed
from papin.catalogs import Page
from papin.memory import Room
from papin.models import CatalogEntry, HttpSource, Variant, WantedFile
from papin.query import parse

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HERE = Here(room=Room(gpu=0, main=8 * 10**9), providers={"ollama": ("gguf",), "vllm": ("safetensors", "pytorch")})


def file(number, **facts):
    source = HttpSource(url=f"https://shelf.example/{number}.gguf")
    return WantedFile(name=f"{number}.gguf", sources=(source,), sha256=f"{number:064x}"[::-1], **facts)


def entry(name, *quantizations, catalog="shelf", files=(), size=None, **facts):
    ref = f"{catalog}:{name}"
    variants = tuple(
        Variant(
            ref=f"{ref}:{each}", catalog=catalog, name=name, variant=each, quantization=each, files=files, size=size
        )
        for each in quantizations
    )
    facts = {"title": name.rpartition("/")[2], "formats": ("gguf",)} | facts
    return CatalogEntry(ref=ref, catalog=catalog, name=name, variants=variants, **facts)


def put(index, *entries, catalog="shelf", **page):
    told = Page(**({"state": "1", "entries": entries} | page))
    return index.change(lambda connection: _write.put(connection, catalog, catalog, told, NOW))


def find(index, text, limit=20, here=HERE, installed=Installed()):
    return index.read(lambda connection: _read.find(connection, parse(text), limit, here, installed))


def names(index, text, **options):
    return [card.entry.name for card in find(index, text, **options).cards]
