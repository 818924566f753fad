"""Reading needs no kernel, makes nothing, and sees what others write."""

import subprocess
import sys

import pytest

from papin._registry import this_process
from papin.errors import NotFound
from papin.library import open_library


def test_it_imports_nothing_heavy():
    script = """
import sys
from papin.library import open_library
with open_library({"PAPIN_HOME": sys.argv[1]}) as library:
    library.models(), library.model_ids(), library.jobs(), library.events()
heavy = {"trio", "pluggy", "httpx", "difflib", "hashlib", "platformdirs", "psutil", "papin.names", "papin._registry._registry"}
print(sorted(heavy & sys.modules.keys()))
"""
    printed = subprocess.run(
        [sys.executable, "-c", script, "/nonexistent/papin"], capture_output=True, text=True, check=True
    )
    assert printed.stdout == "[]\n"


def test_what_a_list_shows_needs_no_msgspec(home, registry, make_model):
    registry.change(lambda write: (write.add_model(make_model("m", 1)), write.adopt([])))
    script = """
import sys
from papin.library import open_library
with open_library({"PAPIN_HOME": sys.argv[1]}) as library:
    print(library.is_current(), len(library.summaries().ids), library.payload_bytes() > 0, len(library.updates()))
print(sorted({"msgspec", "json", "papin.models"} & sys.modules.keys()))
"""
    command = [sys.executable, "-c", script, str(home.root)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert printed.stdout == "False 1 True 0\n[]\n"


@pytest.mark.parametrize(
    ("told", "is_current"),
    [
        (b'{"listing": {"stamps": [{"path": "/nonexistent", "mtime_ns": null}]}}', True),
        (b'{"listing": {"stamps": [{"path": "/nonexistent", "mtime_ns": 5}]}}', False),
        (b'{"listing": {"stamps": [{"path": null, "mtime_ns": 5}, 7, "x"]}}', True),  # no version can have written it
        (b'{"listing": {"stamps": {"a": 1}}}', True),
        (b'{"listing": ', True),
        (b"\xff\x00", True),
    ],
)
def test_it_is_current_while_the_folders_of_providers_are_as_they_were(home, registry, told, is_current):
    def record(write):
        write._connection.execute("INSERT INTO meta VALUES ('plugin_stamps', '[]')")
        write._connection.execute("INSERT INTO inventories VALUES ('p', ?)", (told,))

    registry.change(record)
    with open_library({"PAPIN_HOME": str(home.root)}) as library:
        assert library.is_current() is is_current
        assert library.summaries().ids == ()


def test_where_nothing_was_recorded_nothing_is_found_and_nothing_made(home):
    with open_library({"PAPIN_HOME": str(home.root)}) as library:
        assert library.models() == library.model_ids() == library.jobs() == ()
        assert library.events() == []
        assert library.last_seq() == 0
        with pytest.raises(NotFound):
            library.find("m")
        with pytest.raises(NotFound):
            library.job("j")
    assert list(home.root.iterdir()) == []


def test_it_finds_the_registry_of_papin_home(home, registry, make_model, make_job):
    registry.change(
        lambda write: (write.add_model(make_model("m", 1)), write.add_job(make_job("j"), b"", this_process()))
    )
    with open_library({"PAPIN_HOME": str(home.root)}) as library:
        assert library.models() == (make_model("m", 1),)
        assert library.find("m") == make_model("m", 1)
        assert library.jobs() == (make_job("j"),)
        assert library.job("j") == make_job("j")


def test_one_that_was_opened_before_the_first_command_sees_the_rest(home, make_model):
    library = home.library()
    assert library.models() == ()
    registry = home.open()
    registry.change(lambda write: write.add_model(make_model("m", 1)))
    assert library.model_ids() == ("m",)
    registry.close()
    assert library.model_ids() == ("m",)


def test_reading_changes_nothing(home, registry, make_model):
    registry.change(lambda write: write.add_model(make_model("m", 1)))
    registry.close()
    before = home.file.read_bytes()
    with home.library() as library:
        library.models()
    assert home.file.read_bytes() == before
    assert not home.open().damaged


def test_a_reader_is_not_held_up_by_a_change(home, registry, make_model):
    library = home.library()

    def apply(write):
        write.add_model(make_model("m", 1))
        assert library.models() == ()

    registry.change(apply)
    assert library.model_ids() == ("m",)


def test_it_can_be_closed_twice_and_while_somebody_reads(home, registry, make_model):
    registry.change(lambda write: write.add_model(make_model("m", 1)))
    library = home.library()
    with library._pool.snapshot() as connection:
        library.close()
        assert connection.execute("SELECT id FROM models").fetchone() == ("m",)
    library.close()
