"""The pure half of reusing what a new version has in common with the one that is here."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from papin._operations._bases import replaced, version_before
from papin._operations._comparing import has_same_weights
from papin._operations._wanted import Held, make_plan
from papin._transfers import Base
from papin.models import HttpSource, Model, StoredFile, Variant, WantedFile
from papin.storages import Room

A, B, C, D = (letter * 64 for letter in "abcd")
MIB = 1 << 20


def model(*files):
    return Model(id="m", ref="", installed_at=datetime(2026, 1, 1, tzinfo=UTC), files=files)


def here(name, sha256, role="weights"):
    return StoredFile(name=name, sha256=sha256, size=10, role=role)


def there(name, sha256, role="weights", size=10):
    return WantedFile(name=name, sources=(HttpSource(url="https://h/m"),), size=size, sha256=sha256, role=role)


def variant(*files):
    return Variant(ref="shelf:m", catalog="shelf", name="m", variant="", files=files)


@pytest.mark.parametrize(
    ("old", "new", "pairs"),
    [
        ([here("m", A)], [there("m", B)], {"m": "m"}),
        ([here("m", A)], [there("m", A)], {}),
        ([here("m", A)], [there("m", None)], {}),
        ([here("m", A)], [there("renamed", B)], {"renamed": "m"}),
        ([here("1", A), here("2", B)], [there("1", A), there("2", C)], {"2": "2"}),
        ([here("1", A), here("2", B)], [there("x", C), there("2", D)], {"2": "2"}),
        ([here("m", A)], [there("1", B), there("2", C)], {}),
        ([here("m", A), here("p", B, "mmproj")], [there("m", A), there("q", C, "mmproj")], {"q": "p"}),
        ([here("m", A)], [there("m", B, "mmproj")], {}),
        ([here("t", A, "sidecar")], [there("t", B, "sidecar")], {}),
    ],
)
def test_which_file_a_new_one_replaces(old, new, pairs):
    found = replaced(variant(*new), model(*old))
    assert {name: file.name for name, file in found.items()} == pairs


class Registry:
    """What is read of one."""

    def __init__(self, *models):
        self._models = {model.id: model for model in models}

    def models_from(self, ref):
        return tuple(model for model in self._models.values() if model.ref == ref)

    def model(self, model_id):
        return self._models[model_id]


def test_the_version_before_is_what_it_replaces_or_the_last_of_its_name():
    def one(model_id, ref, day):
        return Model(id=model_id, ref=ref, installed_at=datetime(2026, 1, day, tzinfo=UTC), files=())

    models = Registry(one("a", "shelf:m", 2), one("b", "shelf:m", 3), one("c", "shelf:m", 1), one("d", "", 4))
    new = variant(there("m", A))
    assert version_before(models, new).id == "b"
    assert version_before(models, new, "c").id == "c"
    assert version_before(models, Variant(ref="", catalog="", name="m", variant="", files=())) is None
    assert version_before(Registry(), new) is None


@pytest.mark.parametrize(
    ("header", "old", "new", "graft"),
    [
        (10_000, 20 * MIB, 20 * MIB, (12_288, 12_288, 20 * MIB - 12_288)),
        (12_288, 20 * MIB, 20 * MIB + 64, (12_288, 12_352, 20 * MIB - 12_288)),
        (2 * MIB, 20 * MIB, 19 * MIB, (2 * MIB, MIB, 18 * MIB)),
        (10_000, 20 * MIB, 7 * MIB, None),
        (10_000, 20 * MIB, 53 * MIB, None),
        (10_000, 7 * MIB, 7 * MIB, None),
        (19 * MIB, 20 * MIB, 20 * MIB, None),
    ],
    ids=["as long", "longer", "shorter", "no room", "another file", "small", "hardly any weights"],
)
def test_what_of_a_file_could_be_the_end_of_another(header, old, new, graft):
    assert Base(path=Path("m"), size=old, header=header).graft(there("m", A, size=new)) == graft


def planned(variant, **held):
    sizes = {file.name: file.size for file in variant.files}
    return make_plan(
        variant,
        sizes,
        {file.name: held.get(file.name, Held()) for file in variant.files},
        Room(path="/", free=1000, total=1000),
        model="m",
    )


def test_what_is_reused_is_not_fetched_and_has_to_be_written():
    plan = planned(variant(there("m", A, size=60)), m=Held(reused=50, partial=40))
    assert (plan.size, plan.fetch, plan.files[0].partial, plan.files[0].reused) == (60, 10, 0, 50)
    assert planned(variant(there("m", A, size=1010)), m=Held(reused=1000)).fits is False


@pytest.mark.parametrize(
    ("new", "held", "same"),
    [
        ([there("m", B)], {"m": Held(reused=5)}, True),
        ([there("m", B)], {}, False),
        ([there("m", B)], {"m": Held(is_whole=True)}, False),
        ([there("m", B), there("n", A)], {"m": Held(reused=5)}, False),
        ([there("m", B), there("t", C, "sidecar")], {"m": Held(reused=5)}, True),
    ],
    ids=["only its beginning", "all of it", "those of another model", "one more file", "a new template too"],
)
def test_weights_are_the_same_where_only_beginnings_are_new(new, held, same):
    there = variant(*new)
    assert has_same_weights(model(here("m", A)), there, planned(there, **held)) is same
