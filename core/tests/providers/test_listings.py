"""What a provider told: taken only as far as it is what it should be."""

import pytest

from papin._operations._listings import MOST_BYTES, MOST_MODELS, checked
from papin.errors import ProviderFailed
from papin.inventories import Listing, ProviderFile, ProviderModel


def model(reference="m", **more):
    return ProviderModel(reference=reference, **more)


def test_what_is_sound_stays_and_the_first_of_a_name():
    listing = Listing(
        models=(model("a", size=1), model("b"), model("a", size=2), model(""), model("x\n"), model("c", size=-1)),
        unused=(ProviderFile(name="f", size=1),),
        unreadable="/srv",
    )
    found = checked("p", listing)
    assert found.models == (model("a", size=1), model("b"))
    assert (found.unused, found.unreadable) == (listing.unused, "/srv")


LONG = "x" * (MOST_BYTES // 4)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("everything", "a str instead of a list"),
        (Listing(models=(model(),) * (MOST_MODELS + 1)), "more than 100000 models"),
        (Listing(models=tuple(model(f"{n}{LONG}") for n in range(5))), "more than 64 MiB"),
        (Listing(unused=tuple(ProviderFile(name=LONG, size=1) for _ in range(5))), "more than 64 MiB"),
        (Listing(models=5), "makes no sense"),
        (Listing(models=(model(size="large"),)), "makes no sense"),
        (Listing(models=({"reference": "a", "files": 3},)), "makes no sense"),
        (Listing(models=(model(files=(object(),)),)), "makes no sense"),
        (Listing(stamps="now"), "makes no sense"),
    ],
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
def test_what_is_too_much_or_nonsense_is_refused(told, why):
    with pytest.raises(ProviderFailed, match=why):
        checked("p", told)
