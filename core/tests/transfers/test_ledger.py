"""The bookkeeping of chunks."""

import random

import pytest

from papin._transfers._ledger import CHUNK, NOTHING, Ledger, Part

TOTAL = 10 * CHUNK + 5


def test_everything_is_one_claim():
    ledger = Ledger(TOTAL)
    claim = ledger.claim()
    assert (claim.next, claim.stop, ledger.count, ledger.free) == (0, 11, 11, 0)
    assert ledger.claim() is None


def test_runs_in_order():
    ledger = Ledger(TOTAL)
    assert [(claim.next, claim.stop) for claim in iter(lambda: ledger.claim(4), None)] == [(0, 4), (4, 8), (8, 11)]


def test_a_run_ends_where_something_is_there():
    ledger = Ledger(TOTAL)
    ledger.complete(2, 1)
    ledger.put_back(5, Part(7, 1))
    runs = [(claim.next, claim.stop) for claim in iter(ledger.claim, None)]
    assert runs == [(0, 2), (3, 5), (5, 11)]


def test_what_is_given_back_comes_next():
    ledger = Ledger(TOTAL)
    claim = ledger.claim()
    ledger.shrink(claim, 1)
    assert (claim.next, claim.stop) == (0, 2)
    assert ledger.claim(3).next == 2
    assert ledger.begin_next(claim, may_extend=True)
    assert not ledger.begin_next(claim, may_extend=True)


def test_a_claim_goes_on_as_long_as_nobody_else_is_there():
    ledger = Ledger(TOTAL)
    claim = ledger.claim(1)
    assert not ledger.begin_next(claim, may_extend=False)
    assert all(ledger.begin_next(claim, may_extend=True) for _ in range(10))
    assert not ledger.begin_next(claim, may_extend=True)
    assert claim.next == 10


def test_half_of_the_longest_run_is_taken_from_it():
    ledger = Ledger(TOTAL)
    longest = ledger.claim()
    stolen = ledger.steal()
    assert (longest.stop, stolen.next, stolen.stop) == (6, 6, 11)
    assert ledger.steal() is not None
    assert ledger.steal() is not None
    assert longest.next == 0
    while (claim := ledger.steal()) is not None:
        assert claim.stop > claim.next


def test_a_claim_that_ends_gives_back_what_it_did_not_begin():
    ledger = Ledger(TOTAL)
    claim = ledger.claim(4)
    ledger.drop(claim)
    assert [claim.next for claim in iter(lambda: ledger.claim(1), None)] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    ledger.put_back(0, NOTHING)
    assert ledger.claim().next == 0


def test_a_claim_that_came_to_nothing():
    ledger = Ledger(TOTAL)
    claim = ledger.claim(4)
    ledger.give_up(claim)
    ledger.give_up(claim)
    assert ledger.free == 11


def test_bytes_are_counted():
    ledger = Ledger(TOTAL)
    ledger.complete(0, 1)
    ledger.complete(10, 1)
    ledger.put_back(3, Part(100, 1))
    assert ledger.received == CHUNK + 5 + 100
    ledger.reject(0)
    assert ledger.received == 105
    for number in range(11):
        ledger.complete(number, 1)
    assert ledger.is_complete
    assert ledger.received == TOTAL


def test_a_length_that_is_known_at_the_end_only():
    ledger = Ledger()
    claim = ledger.claim()
    assert (claim.stop, ledger.free, ledger.is_complete) == (1, 0, False)
    for number in range(3):
        ledger.complete(number, 1)
        assert ledger.begin_next(claim, may_extend=True)
    ledger.end(3 * CHUNK + 9)
    assert not ledger.is_complete
    assert ledger.size(3) == 9
    ledger.complete(3, 1)
    assert ledger.is_complete
    assert ledger.received == 3 * CHUNK + 9


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_no_chunk_is_held_twice_and_all_come(seed):
    chance = random.Random(seed)
    ledger = Ledger(40 * CHUNK)
    claims = []
    for _ in range(3000):
        action = chance.randrange(6)
        if action < 2 and len(claims) < 8:
            claim = ledger.claim(chance.choice([None, 1, 3, 9])) or ledger.steal()
            claims += [claim] if claim else []
        elif claims:
            claim = chance.choice(claims)
            if action < 4:
                ledger.complete(claim.next, 1)
                if not ledger.begin_next(claim, may_extend=chance.random() < 0.5):
                    claims.remove(claim)
                    ledger.drop(claim)
            elif action == 4:
                ledger.shrink(claim, chance.randrange(3))
            elif chance.random() < 0.2:
                claims.remove(claim)
                ledger.put_back(claim.next, Part(chance.randrange(CHUNK), 1))
                ledger.drop(claim)
        held = [number for claim in claims for number in range(claim.next, claim.stop)]
        assert len(held) == len(set(held))
        assert not set(held) & set(ledger.done)
        if ledger.is_complete:
            break
    assert ledger.is_complete


def test_a_beginning_that_is_all_of_a_chunk_is_the_chunk():
    ledger = Ledger()
    ledger.put_back(0, Part(7, 1))
    assert not ledger.is_complete
    ledger.end(7)
    assert ledger.is_complete
