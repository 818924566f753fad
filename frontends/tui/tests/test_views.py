"""What the panes say, as pure functions of values."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from papin import events, sentences
from papin.answers import ProviderStatus
from papin.discovery import Card, Found, Refreshed, Row, Source, Update
from papin.errors import NotFound
from papin.machine import Gpu, Machine, Memory
from papin.models import CatalogEntry, Engine, Job, Model, Placement, Progress, StoredFile
from papin.storages import Account
from papin_tui import _downloads, _find, _models, _programs
from papin_tui._app import stale_after, standing
from papin_tui._show import cell

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
PROBLEM = NotFound("it is gone", next_step="look elsewhere").problem()
HOSTILE = "a[red]b\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}c"


def make_model(model_id="m", **more):
    file = StoredFile(name="m.gguf", sha256="0" * 64, size=98_400_000)
    return Model(id=model_id, ref="starter:m", files=(file,), installed_at=NOW, size=98_400_000, **more)


def make_job(state="running", **more):
    return Job(id="7da841f0", kind="download", subject="m", state=state, created_at=NOW, updated_at=NOW, **more)


def make_card(ref="starter:m", **more):
    return Card(entry=CatalogEntry(ref=ref, catalog="starter", name="m", title="M"), fit="memory", **more)


def test_a_model_that_is_loaded_and_shared():
    shared = Placement(provider="ollama", reference="m:latest", how="hardlink")
    model = make_model(source="store", placements=(shared,), favourite=True, tags=("work",), quantization="Q4_1")
    assert _models.row(model, "llamacpp", None, NOW) == (
        "m", "98.4 MB", "", "Q4_1", "never", "llamacpp", "ollama", "favourite, work", "",
    )  # fmt: skip


def test_a_model_of_another_program_is_not_also_in_it():
    place = Placement(provider="ollama", reference="m:latest", how="in-place")
    assert _models.row(make_model("ollama:m", source="ollama", placements=(place,)), "", None, NOW)[6] == ""


@pytest.mark.parametrize(
    ("update", "mark", "told"),
    [
        (Update(model="m", ref="hf:o/m", weights=True, fetch=5_000_000), "weights", "other weights: 5.0 MB to fetch"),
        (Update(model="m", ref="hf:o/m", weights=False), "metadata", "other metadata: an unknown size to fetch"),
        (
            Update(model="m", ref="hf:o/m", weights=False, fetch=5_000_000, reused=9),
            "metadata",
            "other metadata: about 5.0 MB to fetch",
        ),
    ],
)
def test_an_update_is_marked_and_told(update, mark, told):
    assert _models.row(make_model(), "", update, NOW)[-1] == mark
    assert told in _models.newer(update)


def test_what_is_stored_twice_is_said():
    assert _models.total([make_model()]) == "1 model, 98.4 MB"
    assert _models.total([make_model(duplicated=5_000_000)]).endswith("5.0 MB of it a second time: see Space")


@pytest.mark.parametrize(
    ("job", "shown"),
    [
        (
            make_job(progress=Progress(phase="downloading", done=5_000_000, total=10_000_000, speed=1e6, remaining=5)),
            ("Downloading", "50 %", "1.0 MB/s", "5 s left", "5.0 MB of 10.0 MB"),
        ),
        (make_job("queued", waiting="for its turn"), ("queued, waits for its turn", "", "", "", "")),
        (
            make_job("paused", progress=Progress(phase="downloading", done=5, total=10, speed=1e6, remaining=5)),
            ("paused", "50 %", "", "", "5 B of 10 B"),
        ),
        (make_job("failed", error=PROBLEM), ("failed (ERR_NOT_FOUND)", "", "", "", "")),
        (
            make_job("completed", progress=Progress(phase="committing", done=9, total=9)),
            ("completed", "", "", "", "9 B"),
        ),
    ],
)
def test_a_job(job, shown):
    assert _downloads.row(job, NOW + timedelta(minutes=3)) == ("m", *shown, "3 min ago", "7da841f0")


def test_of_a_long_name_the_end_is_shown():
    job = msgspec.structs.replace(make_job(), subject="https://models.example.org/team/a-long-name-Q4_K_M.gguf")
    shown = _downloads.row(job, NOW)[0]
    assert (shown, len(shown)) == ("…rg/team/a-long-name-Q4_K_M.gguf", 32)


def test_what_a_job_ran_into():
    text = _downloads.told(make_job("failed", error=PROBLEM, warnings=("one source was wrong",), model="m"))
    assert text.splitlines()[1:] == [
        "failed (ERR_NOT_FOUND)",
        "Warning: one source was wrong",
        "It is the model m.",
        "ERR_NOT_FOUND  Not found: it is gone",
        "Next: look elsewhere",
    ]


def test_rows_stand_under_their_names_and_say_why_each_card_is_there():
    cards = (make_card(why="small and quick"),)
    rows = [Row(name="a", title="Row A", cards=cards), Row(name="b", title="B", cards=(make_card(),))]
    assert [(key, cells[0]) for key, cells in _find.shelf(rows).items()] == [
        ("row: a", "── a ──"),
        ("a starter:m", "starter:m"),
        ("row: b", "── b ──"),
        ("b starter:m", "starter:m"),
    ]
    why = _find.whys(rows)
    assert (why["row: a"], why["a starter:m"], why["b starter:m"]) == (
        "Row A. Enter shows all of it.",
        "small and quick",
        "",
    )


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Found(query=""), "Press r"),
        (Found(query="m", entries=9, cards=(make_card(),)), "1 model for m"),
        (Found(query="m", entries=9, cards=(make_card(),), more=True), "there is more"),
        (
            Found(query="m", entries=9, cards=(make_card(),), unasked=("hub",)),
            "Nothing is known yet of hub; r asks them",
        ),
        (Found(query="m x", entries=9), "leave some of them out"),
        (Found(query="m x", entries=9, emptied_by=("x",)), "leave out x"),
        (Found(query="m x:y", entries=9, emptied_by=("x:y",), instead={"x:y": ("x:z",)}), "put x:z in its place"),
    ],
)
def test_what_a_search_found(found, text):
    assert text in _find.summary(found)


def test_what_a_refresh_brought():
    assert sentences.refreshed(Refreshed(catalog="hf", changed=3, gone=1)) == "hf: 3 models new or changed, 1 gone"
    assert "ERR_NOT_FOUND" in sentences.refreshed(Refreshed(catalog="hf", problem=PROBLEM))


def make_status(state="ready", **more):
    return ProviderStatus(
        name="ollama", summary="Ollama", distribution="papin-ollama", version="1", state=state, **more
    )


def test_a_program_and_why_it_cannot():
    status = make_status(
        engine=Engine(name="Ollama", version="0.20", address="http://127.0.0.1:11434"),
        capabilities=("lists",),
        lacks={"copies": "it has no such thing", "renames": "it has no such thing"},
        models=3,
    )
    assert _programs.row(status) == ("ollama", "ready", "Ollama 0.20", "3", "", "", "")
    told = _programs.told(status)
    assert "Cannot:    copies, renames. it has no such thing" in told
    assert "Where:     http://127.0.0.1:11434" in told


def test_a_program_that_fails_says_why_and_one_that_is_not_here_only_that():
    assert _programs.row(make_status("failed", problem=PROBLEM))[-1] == "it is gone"
    assert _programs.row(make_status("missing", problem=PROBLEM))[1:] == ("not here", "", "", "", "", "")


def test_how_things_stand():
    account = Account(path="/x", payloads=1, used=98_400_000, staging=0, free=12_000_000_000, total=20_000_000_000)
    memory = Memory(total=25_300_000_000, available=1)
    gpu = Gpu(name="H100", vendor="NVIDIA", memory=80_000_000_000)
    machine = Machine(system="Linux", architecture="x86_64", cores=2, memory=memory, gpus=(gpu,))
    assert standing([account], machine, offline=True) == (
        " papin   98.4 MB in models · 12.0 GB free · 25.3 GB memory · H100 80.0 GB · offline"
    )


@pytest.mark.parametrize(
    ("event", "panes"),
    [
        (events.ModelInstalled(model="m"), {"models", "find", "space"}),
        (events.ModelLoaded(model="m", provider="p"), {"models", "programs"}),
        (events.DownloadProgressed(job="j", progress=Progress(phase="downloading")), {"downloads"}),
        (events.CatalogRefreshed(catalog="hf"), {"find"}),
        (events.Lagged(missed=3), {"models", "find", "downloads", "programs", "space"}),
        (events.UnknownEvent(type_name="new", raw=b"{}"), {"models", "find", "downloads", "programs", "space"}),
    ],
)
def test_which_panes_an_event_makes_stale(event, panes):
    assert stale_after(event) == panes


def test_hostile_names_are_no_markup_and_move_nothing():
    entry = CatalogEntry(ref=HOSTILE, catalog="c", name=HOSTILE, title=HOSTILE, license=HOSTILE)
    card = Card(entry=entry, sources=(Source(ref=HOSTILE, catalog="c"),), installed=(HOSTILE,), why=HOSTILE)
    rows = [
        _find.row(card),
        _models.row(make_model(tags=(HOSTILE,), quantization=HOSTILE), HOSTILE, None, NOW),
        _downloads.row(make_job(waiting=HOSTILE), NOW),
        _programs.row(make_status("failed", formats=(HOSTILE,), problem=NotFound(HOSTILE).problem())),
    ]
    for text in [text for row in rows for text in row]:
        assert text.isprintable()
        assert cell(text).plain == text
