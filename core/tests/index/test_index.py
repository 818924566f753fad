"""What is recorded of catalogs: pages, what is gone, what is refused, and a file that can be thrown away."""

import sqlite3
import threading
from contextlib import closing

import msgspec
import pytest

from papin._index import _read, _write
from papin._index._file import Index
from papin._index._schema import FILE_NAME
from papin.catalogs import Page
from papin.errors import PapinError, Problem, RegistryFailed

from .shelf import NOW, entry, file, find, names, put

A, B, C = (entry(name, "Q4_K_M", summary=f"{name} says hello") for name in ("alpha", "beta", "gamma"))


def states(index):
    return index.read(_read.states)


def test_nothing_was_ever_recorded(tmp_path):
    index = Index(tmp_path)
    assert find(index, "alpha").cards == ()
    assert (states(index), index.read(_read.entries), index.exists) == ({}, [], False)
    assert list(tmp_path.iterdir()) == []


def test_entries_come_back_as_they_were_told(index):
    put(index, A, B)
    assert index.read(lambda connection: _read.entry_of(connection, "shelf", "ALPHA")).summary == A.summary
    assert [each.name for each in index.read(_read.entries)] == ["alpha", "beta"]
    assert sorted(names(index, "hello")) == ["alpha", "beta"]


def test_a_page_changes_what_it_names_and_leaves_the_rest(index):
    put(index, A, B)
    stored = put(index, msgspec.structs.replace(A, summary="says bye"), C, gone=("beta", "nobody"))
    assert stored == (2, 1, 0)
    assert (names(index, "bye"), names(index, "alpha hello"), names(index, "beta")) == (["alpha"], [], [])
    assert put(index, C) == (0, 0, 0)


def test_a_whole_page_is_all_there_is(index):
    put(index, A, B, catalog="shelf")
    other = entry("delta", "Q8_0", catalog="other")
    put(index, other, catalog="other")
    put(index, C, whole=True)
    assert sorted(each.name for each in index.read(_read.entries)) == ["delta", "gamma"]
    put(index, whole=True)
    assert names(index, "") == ["delta"]


def test_the_state_is_recorded_with_the_page_and_the_time_with_the_last_one(index):
    put(index, A, state="cursor", more=True)
    assert states(index)["shelf"] == ("cursor", None, None, 1)
    put(index, B, state="etag")
    assert states(index)["shelf"] == ("etag", NOW, None, 2)


def test_a_catalog_that_fails_keeps_what_it_told(index):
    put(index, A)
    problem = Problem(code="ERR_NETWORK", title="t", message="away")
    index.change(lambda connection: _write.fail(connection, "shelf", "shelf", problem))
    assert states(index)["shelf"] == ("1", NOW, problem, 1)
    assert names(index, "alpha") == ["alpha"]
    put(index)
    assert states(index)["shelf"].problem is None


def test_a_catalog_can_be_forgotten(index):
    put(index, A, B)
    index.change(lambda connection: _write.forget(connection, "shelf"))
    assert (states(index), names(index, "")) == ({}, [])


def test_what_a_transaction_did_not_finish_was_not_done(index):
    put(index, A)

    def half(connection):
        _write.put(connection, "shelf", "shelf", Page(state="2", entries=(B,)), NOW)
        raise KeyError("killed")

    with pytest.raises(KeyError):
        index.change(half)
    assert names(index, "") == ["alpha"]


def test_a_page_can_be_given_up_in_its_middle(index):
    put(index, A)
    many = tuple(entry(f"m{number}", "Q4_0") for number in range(300))
    looks = iter([None, None, KeyError("stop")])

    def check():
        if (error := next(looks)) is not None:
            raise error

    with pytest.raises(KeyError):
        index.change(lambda c: _write.put(c, "shelf", "shelf", Page(state="2", entries=many), NOW, check=check))
    assert names(index, "") == ["alpha"]


HOSTILE = [
    entry("../etc/passwd", "Q4_0"),
    entry("a b", "Q4_0"),
    entry("x" * 5000, "Q4_0"),
    msgspec.structs.replace(A, ref="other:alpha"),
    msgspec.structs.replace(A, catalog="other"),
    msgspec.structs.replace(A, name="beta"),
]


@pytest.mark.parametrize("bad", HOSTILE, ids=lambda each: each.ref[:20])
def test_what_cannot_be_typed_is_refused_and_the_rest_is_taken(index, bad):
    assert put(index, bad, B) == (1, 0, 1)
    assert names(index, "") == ["beta"]


def test_texts_are_bounded_and_hold_nothing_unseen(index):
    loud = entry(
        "loud",
        *(f"v{number}" for number in range(700)),
        title="\x1b[31mred\u202e\n" + "t" * 10_000,
        summary="\ud800" + "s" * 10**6,
        license="MIT\0",
        downloads=1 << 70,
        likes=-1,
        capabilities=tuple(f"c{number}" for number in range(1000)),
    )
    put(index, loud)
    (kept,) = index.read(_read.entries)
    assert kept.title.startswith("[31mred")
    assert kept.title.isprintable()
    assert (len(kept.title), len(kept.summary), len(kept.variants), len(kept.capabilities)) == (199, 1999, 500, 20)
    assert (kept.license, kept.downloads, kept.likes) == ("mit", None, None)


def test_variants_that_make_no_sense_are_left_out(index):
    put(index, entry("odd", "Q4_0", "../x", size=5), entry("huge", "Q4_0", size=1 << 64))
    assert [each.variant for entry in index.read(_read.entries) for each in entry.variants] == ["Q4_0"]


@pytest.mark.parametrize(
    "facts",
    [
        {"size": 2**63 - 1},
        {"parameters": 2**63 - 1},
        {"trending": float("nan")},
        {"trending": float("inf")},
        {"variant": {"bits_per_weight": 1e308, "parameters": 8 * 10**9}},
        {"variant": {"bits_per_weight": float("nan"), "parameters": 8 * 10**9}},
        {"variant": {"parameters": 2**80}},
        {"variant": {"parameters": -(2**70)}},
    ],
    ids=str,
)
def test_numbers_that_nothing_can_hold_are_bounded_and_the_entry_is_taken(index, facts):
    of_variant = facts.get("variant", {})
    told = entry("alpha", "Q4_K_M", **{key: value for key, value in facts.items() if key != "variant"})
    odd = msgspec.structs.replace(told, variants=(msgspec.structs.replace(told.variants[0], **of_variant),))
    assert put(index, odd, B).changed == 2
    assert names(index, "fits:yes") == (["alpha"] if "bits_per_weight" in of_variant else [])
    assert names(index, "sort:name") == ["alpha", "beta"]


@pytest.mark.parametrize(
    ("formats", "fitting"),
    [((), "yes"), (("gguf",), "yes"), (("safetensors",), "no"), (("safetensors", "gguf"), "yes"), (("pytorch",), "")],
    ids=str,
)
def test_what_fits_is_guessed_by_the_usual_build_of_its_formats_where_no_variant_tells(index, formats, fitting):
    put(index, entry("alpha", formats=formats, parameters=8 * 10**9))
    assert "".join(each for each in ("yes", "no") if names(index, f"fits:{each}")) == fitting


def test_more_kinds_of_formats_than_there_are_bits_are_still_shown(index):
    put(index, *(entry(f"m{number}", "Q4_0", formats=(f"{number:03}" * 5,)) for number in range(100)))
    assert names(index, f"format:{'007' * 5}") == ["m7"]
    assert names(index, f"format:{'999' * 5}") == []
    assert len(names(index, "", limit=200)) == 100


def test_what_was_found_out_of_a_file_stays_until_it_is_another(index):
    def told(number, *, digests=True, **facts):
        whole = file(number)
        listed = whole if digests else msgspec.structs.replace(whole, sha256=None, size=None)
        bare = entry("alpha", "main", files=(listed,))
        variant = msgspec.structs.replace(bare.variants[0], quantization="")
        return msgspec.structs.replace(bare, variants=(variant,), **facts)

    put(index, told(1))
    looked_at = msgspec.structs.replace(told(1).variants[0], quantization="BF16", bits_per_weight=16.0, size=7)
    put(index, msgspec.structs.replace(told(1), variants=(looked_at,), architecture="llama"))
    assert put(index, told(1)).changed == 0
    assert put(index, told(1, downloads=5)).changed == 1
    assert names(index, "quant:bf16 arch:llama disk:<1kb") == ["alpha"]
    assert put(index, told(1, digests=False, downloads=6)).changed == 1, "a list tells no digests"
    assert names(index, "quant:bf16 arch:llama disk:<1kb") == ["alpha"]
    assert put(index, told(2)).changed == 1
    assert (names(index, "quant:bf16"), names(index, "arch:llama"), names(index, "disk:<1k")) == ([], [], [])


def test_a_damaged_file_is_thrown_away_by_the_next_change(index, tmp_path):
    put(index, A)
    index.close()
    target = tmp_path / "index" / FILE_NAME
    for each in target.parent.iterdir():
        each.write_bytes(b"nonsense" * 1000)
    fresh = Index(target.parent)
    with pytest.raises(RegistryFailed, match="cannot be used"):
        find(fresh, "alpha")
    put(fresh, B)
    assert names(fresh, "") == ["beta"]
    fresh.close()


def test_who_has_it_open_notices_that_it_was_made_anew(index, tmp_path):
    put(index, A)
    assert names(index, "") == ["alpha"]
    for each in (tmp_path / "index").iterdir():
        each.unlink()
    put(Index(tmp_path / "index"), B)
    assert names(index, "") == ["beta"]


def test_an_older_index_goes_when_a_new_one_is_made(tmp_path):
    (tmp_path / "catalogs.0.db").write_bytes(b"old")
    (tmp_path / "catalogs.99.db").write_bytes(b"of a newer papin")
    put(Index(tmp_path), A)
    assert {each.name for each in tmp_path.iterdir()} >= {"catalogs.99.db", FILE_NAME}
    assert not (tmp_path / "catalogs.0.db").exists()


def test_several_write_at_once(tmp_path):
    def work(number):
        index = Index(tmp_path)
        for each in range(5):
            put(index, entry(f"m{number}-{each}", "Q4_0"), catalog="shelf")
        index.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    index = Index(tmp_path)
    assert len(index.read(_read.entries)) == 20
    index.close()
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")


def test_replacing_a_thousand_times_leaves_the_words_sound(index, tmp_path):
    for number in range(30):
        put(index, *(entry(f"m{each}", "Q4_0", summary=f"turn {number}", files=(file(each),)) for each in range(10)))
    assert len(names(index, "turn")) == 10
    assert len(names(index, "29")) == 10
    index.close()
    with closing(sqlite3.connect(tmp_path / "index" / FILE_NAME)) as connection:
        connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")


def test_many_that_make_the_file_at_the_same_time(tmp_path):
    for number in range(20):
        folder = tmp_path / str(number)
        start = threading.Barrier(8)
        seen = []

        def work(folder=folder, start=start, seen=seen):
            start.wait()
            index = Index(folder)
            try:
                seen.append(index.change(lambda connection: connection.execute("PRAGMA journal_mode").fetchone()[0]))
            except PapinError as error:
                seen.append(error.message)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == ["wal"] * 8
        assert not list(folder.glob("*.new"))
