"""The sets of entries for each value: what is in them, whatever came and went, and in which block it lies."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from papin._index._file import Index
from papin._index._postings import MAGNITUDES, keys_of, magnitude, members, sampled
from papin._index._write import forget

from .shelf import entry, put

AMOUNTS = st.one_of(st.integers(0, 100), st.integers(0, 2**63 - 1), st.floats(0, 1e30))
FACTS = st.fixed_dictionaries(
    {
        "license": st.sampled_from(["mit", "apache-2.0"]),
        "capabilities": st.lists(st.sampled_from(["chat", "vision"]), unique=True).map(tuple),
        "parameters": st.sampled_from([None, 10**9, 8 * 10**9]),
        "publisher": st.sampled_from(["acme", "lake"]),
    }
)
PAGES = st.lists(st.tuples(st.dictionaries(st.sampled_from("abcdef"), FACTS, max_size=4), st.booleans()), max_size=4)


@given(one=AMOUNTS, other=AMOUNTS)
def test_a_larger_amount_has_no_smaller_magnitude(one, other):
    least, most = sorted((one, other))
    assert 0 <= magnitude(least) <= magnitude(most) < MAGNITUDES


@given(keys=st.sets(st.integers(0, 20_000), max_size=40))
def test_keys_of_bits(keys):
    assert [*keys_of(sum(1 << key for key in keys))] == sorted(keys)


@given(keys=st.sets(st.integers(0, 20_000), max_size=400), most=st.integers(1, 64))
def test_a_sample_is_of_the_set_and_no_larger(keys, most):
    found = sampled(sum(1 << key for key in keys), most)
    assert len(found) == len(set(found)) <= most
    assert keys.issuperset(found)


def test_a_sample_of_a_dense_set_is_from_all_over_it():
    found = sampled((1 << 100_000) - 1, 64)
    assert len(found) > 60
    assert max(second - first for first, second in pairwise(found)) < 2000


def posted(connection):
    """Return what the sets hold, and what the entries have."""
    rows = connection.execute("SELECT key, license, can, parameters, publisher FROM entries").fetchall()
    sets, have = {}, {}
    for key, licence, can, parameters, publisher in rows:
        values = [("license", licence), *(("can", each) for each in keys_of(can)), ("publisher", publisher)]
        for value in [*values, *([("parameters", magnitude(parameters))] if parameters else [])]:
            have.setdefault(value, []).append(key)
    stored = connection.execute("SELECT DISTINCT facet, number FROM postings").fetchall()
    for column, number in {*stored, *have}:
        if column in {"license", "can", "parameters", "publisher"}:
            found = [*keys_of(members(connection, column, [number]))]
            sets |= {(column, number): found} if found else {}
    return sets, {value: sorted(keys) for value, keys in have.items()}


@settings(max_examples=40, deadline=None)
@given(pages=PAGES, forgotten=st.booleans())
def test_sets_hold_what_is_there_after_any_pages(tmp_path_factory, pages, forgotten):
    index = Index(tmp_path_factory.mktemp("index"))
    put(index)
    for page, whole in pages:
        put(index, *(entry(name, "Q4_0", **facts) for name, facts in page.items()), whole=whole)
    if forgotten:
        index.change(lambda connection: forget(connection, "shelf"))
    sets, have = index.read(posted)
    assert sets == have
    index.close()


def test_sets_of_many_blocks(index):
    put(index, entry("first", "Q4_0", license="mit"))
    index.change(lambda connection: connection.execute("UPDATE sqlite_sequence SET seq = 12345 WHERE name = 'entries'"))
    put(index, entry("last", "Q4_0", license="mit"), entry("other", "Q4_0", license="gemma"))
    sets, have = index.read(posted)
    assert sets == have
    assert [1, 12346] in sets.values()
