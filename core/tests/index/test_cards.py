"""The same model in several catalogs is one card."""

import pytest

from papin._index._identity import Identity, identity, is_same
from papin._index._installed import Installed

from .shelf import HERE, entry, file, find, put

SAME = [
    ("acme/Lake-8B-Instruct-GGUF", "acme/lake-8b-instruct"),
    ("acme/Lake-8B-Instruct-Q4_K_M-GGUF", "other/Lake-8B-Instruct-i1-GGUF"),
    ("acme/Lake-8B-Instruct-AWQ", "acme/Lake-8B-Instruct-FP8"),
    ("acme/lake_8b_instruct", "acme/Lake 8B Instruct"),
    ("acme/Lake-8B-Instruct-imatrix", "acme/Lake-8B-Instruct-ONNX"),
]
OTHER = [
    ("acme/Lake-8B-Instruct", "acme/Lake-8B"),
    ("acme/Lake-8B", "acme/Lake-7B"),
    ("acme/Lake-2.5-8B", "acme/Lake-2-8B"),
    ("acme/Lake-8B-Coder", "acme/Lake-8B-Vision"),
]


def known(title):
    return identity(entry("x", title=title))


@pytest.mark.parametrize(("one", "other"), SAME)
def test_these_are_the_same(one, other):
    assert is_same(known(one), known(other))


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_these_are_not(one, other):
    assert not is_same(known(one), known(other))


def test_the_model_that_it_is_a_build_of_tells_more_than_its_name():
    assert identity(entry("x", title="acme_Lake", base_model="acme/Lake-8B")).name == "lake-8b"
    assert identity(entry("x", title="Lake-8B-GGUF", base_model="acme/Lake-8B")).name == "lake-8b"


def test_what_was_trained_further_is_another_model():
    assert (
        identity(entry("x", title="Zero-Lake-8B-OpenZero", base_model="acme/Lake-8B")).name == "zero-lake-8b-openzero"
    )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Identity("a", "llama", 8_030_000_000), Identity("a", "llama", 8_000_000_000), True),
        (Identity("a", "llama", 8_000_000_000), Identity("a", "", None), True),
        (Identity("a", "llama"), Identity("a", "qwen3"), False),
        (Identity("a", "", 7_000_000_000), Identity("a", "", 8_000_000_000), False),
        (Identity("a"), Identity("b"), False),
    ],
)
def test_what_both_tell_must_not_contradict(one, other, same):
    assert is_same(one, other) == is_same(other, one) == same


def cards(index):
    return sorted(sorted(source.ref for source in card.sources) for card in find(index, "").cards)


def test_one_card_by_name_across_catalogs(index):
    put(index, entry("acme/Lake-8B-GGUF", "Q4_0", catalog="hub", downloads=5), catalog="hub")
    put(
        index,
        entry("lake-8b", "Q8_0", catalog="gallery"),
        entry("lake-70b", "Q8_0", catalog="gallery"),
        catalog="gallery",
    )
    assert cards(index) == [["gallery:lake-70b"], ["gallery:lake-8b", "hub:acme/Lake-8B-GGUF"]]
    (card,) = find(index, "catalog:gallery lake-8b").cards
    assert card.entry.catalog == "gallery"


def test_one_card_by_file_whatever_it_is_called(index):
    put(index, entry("mystery", "Q4_0", catalog="hub", files=(file(1),)), catalog="hub")
    put(index, entry("lake-8b", "Q8_0", catalog="gallery", files=(file(1), file(2))), catalog="gallery")
    put(index, entry("sea", "Q8_0", catalog="gallery", files=(file(3),)), catalog="gallery")
    assert cards(index) == [["gallery:lake-8b", "hub:mystery"], ["gallery:sea"]]


def test_a_projector_that_several_share_makes_them_no_one_model(index):
    shared = file(9, role="mmproj")
    put(index, entry("lake", "Q4_0", files=(file(1), shared)), entry("sea", "Q4_0", files=(file(2), shared)))
    assert len(cards(index)) == 2


def test_an_entry_that_goes_leaves_the_card_to_the_others(index):
    put(index, entry("lake-8b", "Q4_0", catalog="hub"), catalog="hub")
    put(index, entry("lake-8b", "Q4_0", catalog="gallery"), catalog="gallery")
    put(index, catalog="hub", whole=True)
    put(index, entry("sea-8b", "Q4_0", catalog="hub"), catalog="hub")
    assert cards(index) == [["gallery:lake-8b"], ["hub:sea-8b"]]


def test_what_is_here_is_told_by_reference_and_by_file(index):
    put(index, entry("lake-8b", "Q4_0", files=(file(1),)), entry("sea", "Q4_0"), entry("pond", "Q4_0"))
    digest = int.from_bytes(bytes.fromhex(file(1).sha256[:16]), signed=True)
    here = Installed(by_ref={"shelf:sea:Q8_0": "sea-q8", "shelf:seaside": "no"}, by_digest={digest: "my-lake"})
    told = {card.entry.name: card.installed for card in find(index, "", installed=here).cards}
    assert told == {"lake-8b": ("my-lake",), "sea": ("sea-q8",), "pond": ()}


def test_what_catalogs_told_that_are_not_here_is_kept_and_not_found(index):
    put(index, entry("acme/lake-8b", "Q4_K_M", catalog="one", downloads=9), catalog="one")
    put(index, entry("other/lake-8b", "Q4_K_M", catalog="two"), entry("sea", catalog="two"), catalog="two")
    for text in ("lake", "", "lake sort:name", "catalog:one lake"):
        found = find(index, text, here=HERE._replace(catalogs=("two",))).cards
        assert [card.entry.catalog for card in found] == ["two"] * len(found)
        assert all([each.catalog for each in card.sources] == ["two"] for card in found)
    assert [card.entry.name for card in find(index, "lake", here=HERE._replace(catalogs=("two",))).cards] == [
        "other/lake-8b"
    ]
    (both,) = find(index, "lake", here=HERE._replace(catalogs=("one", "two"))).cards
    assert {each.catalog for each in both.sources} == {"one", "two"}
    assert not find(index, "", here=HERE._replace(catalogs=())).cards
