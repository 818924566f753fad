"""A damaged file is put aside, never deleted, and never trusted; a sound one is never touched."""

import os
import random
import sqlite3
from contextlib import closing, suppress

import pytest

from papin._registry._times import now
from papin.errors import RegistryFailed
from papin.events import ModelChanged

PAGE = 4096


def _assert_rebuilt(home, models):
    """Open it, give it what the storages remember, and look that nothing is missing and everything works."""
    registry = home.open()
    assert registry.needs_rebuild
    assert registry.damaged is not None
    assert registry.damaged.exists()
    assert registry.read.models() == ()
    assert registry.change(lambda write: write.adopt(models))[0] == tuple(model.id for model in models)
    assert registry.read.models() == tuple(models)
    again = home.open()
    assert not again.needs_rebuild
    assert again.read.models() == tuple(models)
    return registry


def _zero(file):
    file.write_bytes(b"")


def _text(file):
    file.write_text("This is no database.\n" * 1000)


def _truncated(file):
    os.truncate(file, file.stat().st_size // 2)


def _last_page_gone(file):
    os.truncate(file, file.stat().st_size - PAGE)


def _one_byte(file):
    file.write_bytes(b"S")


def _header(file):
    with file.open("r+b") as opened:
        opened.write(b"\0" * 100)


def _first_page(file):
    with file.open("r+b") as opened:
        opened.write(random.Random(1).randbytes(PAGE))


def _folder(file):
    file.unlink()
    file.mkdir()


def _of_something_else(file):
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")


def _renumbered(file):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 0")


INJURIES = [
    _zero, _text, _truncated, _last_page_gone, _one_byte, _header, _first_page, _folder, _of_something_else, _renumbered
]  # fmt: skip


@pytest.mark.parametrize("injure", INJURIES)
def test_a_damaged_file_is_put_aside_as_it_is_and_rebuilt(home, models, injure):
    injure(home.file)
    before = home.file.read_bytes() if home.file.is_file() else None
    registry = _assert_rebuilt(home, models)
    assert home.aside() == [registry.damaged]
    assert registry.damaged.parent == home.file.parent
    assert f"damaged-{now():%Y}" in registry.damaged.name
    if before is not None:
        assert registry.damaged.read_bytes() == before


@pytest.mark.parametrize("injure", [each for each in INJURIES if each is not _folder])
def test_who_only_reads_says_that_it_is_damaged_and_leaves_it(home, models, injure):
    injure(home.file)
    before = home.file.read_bytes()
    with pytest.raises(RegistryFailed) as caught:
        home.library().models()
    assert "papin models list" in caught.value.next_step
    assert home.file.read_bytes() == before
    assert home.aside() == []


def test_any_page_of_noise_is_noticed_or_harms_nothing(home, models):
    """Each page in turn becomes noise: either that is noticed, or everything can still be read."""
    whole = home.file.read_bytes()
    numbers = list(range(0, len(whole), PAGE))
    noise = random.Random(7)
    noticed = 0
    for start in numbers:
        home.file.write_bytes(whole[:start] + noise.randbytes(PAGE) + whole[start + PAGE :])
        with home.open() as registry:
            if registry.damaged:
                noticed += 1
                registry.change(lambda write: write.adopt(models))
            assert registry.read.models() == models
    assert noticed == len(numbers) == len(home.aside())


@pytest.mark.parametrize("seed", range(4))
def test_a_flipped_byte_is_noticed_wherever_it_is(home, models, seed):
    whole = home.file.read_bytes()
    mark = home.beside("-mark").read_bytes()
    pick = random.Random(seed)
    for _ in range(25):
        place = pick.randrange(len(whole))
        home.file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << pick.randrange(8)]) + whole[place + 1 :])
        home.beside("-mark").write_bytes(mark)
        with home.open() as registry:
            assert registry.needs_rebuild, place
            registry.change(lambda write: write.adopt(models))
            assert registry.read.models() == models


@pytest.mark.parametrize("seed", range(4))
def test_a_byte_that_flips_in_an_unsealed_file_never_brings_a_crash(home, models, seed):
    """It may not be noticed inside a text; but nothing ends in anything but an answer or an error of ours."""
    whole = home.file.read_bytes()
    pick = random.Random(seed)
    for _ in range(25):
        place = pick.randrange(len(whole))
        home.file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << pick.randrange(8)]) + whole[place + 1 :])
        home.beside("-mark").unlink(missing_ok=True)
        with suppress(RegistryFailed):
            home.library().models()
        with home.open() as registry:
            registry.change(lambda write: write.journal(ModelChanged(model="m")))
            assert len(registry.read.models()) in {0, len(models)}


def test_a_damage_that_shows_only_to_a_writer_is_mended_too(home, models):
    """SQLite lets who only reads get away with a check of a column that is not there."""
    home.file.write_bytes(home.file.read_bytes().replace(b"CHECK (length(sha256)", b"CHECK (length(rha256)"))
    home.beside("-mark").unlink()
    _assert_rebuilt(home, models)


def test_a_new_registry_asks_once_for_what_the_storages_hold(home):
    with home.open() as registry:
        assert (registry.needs_rebuild, registry.damaged) == (True, None)
    with home.open() as registry:  # nobody gave it anything yet
        assert registry.needs_rebuild
        registry.change(lambda write: write.adopt([]))
    assert not home.open().needs_rebuild


def test_that_it_waits_to_be_rebuilt_survives_a_crash(home, models):
    _zero(home.file)
    with home.open() as registry:
        kept = registry.damaged
    assert home.open().damaged == kept


def test_numbers_go_on_in_the_fresh_one(home, models):
    _text(home.file)
    registry = home.open()
    assert registry.read.last_seq() == len(models)
    assert registry.change(lambda write: write.journal(ModelChanged(model="m")))[1][0].seq == len(models) + 1


@pytest.mark.parametrize("noise", [b"", b"garbage", b"9" * 200, b"99999999999999999999 x 00000000\n", b"\xff" * 30])
def test_a_damaged_note_is_no_note(home, models, noise):
    home.beside("-mark").write_bytes(noise)
    registry = home.open()
    assert not registry.needs_rebuild
    assert registry.read.models() == models


def test_what_is_merely_locked_is_not_damaged(home, models, monkeypatch):
    monkeypatch.setattr("papin._registry._connections.BUSY_SECONDS", 0.02)
    with closing(sqlite3.connect(home.file, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("CREATE TABLE x (y)")
        with pytest.raises(RegistryFailed, match="locked"):
            home.open()
        other.execute("ROLLBACK")
    assert home.aside() == []
    assert home.open().read.models() == models


def test_who_has_it_open_goes_over_to_the_fresh_one(home, fill, make_model):
    running = home.open()
    models = fill(running, 5)
    library = home.library()
    assert library.models() == models
    _text(home.file)
    home.beside("-wal").unlink()
    rescuer = _assert_rebuilt(home, models)
    running.change(lambda write: (write.add_model(make_model("late", 700)), write.journal(ModelChanged(model="late"))))
    assert "late" in rescuer.read.model_ids()
    assert running.read.models() == rescuer.read.models() == library.models()
    assert home.open().damaged is None


def test_a_file_that_vanished_under_a_running_process_is_made_again(home, fill, make_model):
    running = home.open()
    fill(running, 5)
    for side in ("", "-wal", "-shm"):
        home.beside(side).unlink()
    assert running.read.models() == ()
    running.change(lambda write: write.add_model(make_model("m", 1)))
    assert running.needs_rebuild
    assert home.open().read.model_ids() == ("m",)


def test_of_several_that_find_it_damaged_one_puts_it_aside(home, models):
    _text(home.file)
    script = """
print("ready", flush=True)
sys.stdin.readline()
with open_registry(file, run) as registry:
    print(registry.damaged, flush=True)
    registry.change(lambda write: write.journal(ModelChanged(model=sys.argv[2])))
"""
    children = [home.start(script, str(number)) for number in range(4)]
    assert [child.stdout.readline() for child in children] == ["ready\n"] * 4
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    told = {child.stdout.readline().strip() for child in children}
    assert [child.wait() for child in children] == [0] * 4
    assert told == {str(path) for path in home.aside()}
    assert len(told) == 1
    assert len(home.open().read.events(since=len(models))) == 4
