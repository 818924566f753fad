from datetime import timedelta

import msgspec
import pytest

from papin import events, facts, sentences, verdicts
from papin.answers import (
    CatalogStatus,
    Check,
    DedupePlan,
    DownloadPlan,
    Duplicate,
    KeptFile,
    PlannedFile,
    PluginHook,
    PluginInfo,
    ProviderStatus,
    ProviderView,
    RemovalPlan,
    Setting,
    Space,
    Verification,
)
from papin.config import Row
from papin.discovery import Update
from papin.errors import FormatInvalid, Problem
from papin.inventories import Inventory, Listing, ProviderDetails, ProviderFile, ProviderModel
from papin.library import Summaries
from papin.models import Engine, Job, LoadedModel, Placement, Progress, StoredFile
from papin.policies import Cleanup, Removal
from papin.recommenders import Recommendation
from papin.storages import Account
from papin_cli.views import advice, jobs, models, overview, parts, plans, providers, settings, storage
from papin_cli.views import events as event_view

EVIL = "evil\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}\nname"
PROBLEM = Problem(code="ERR_ENGINE_MISSING", title="Engine missing", message="no llama-server", next_step="install it")


def safe(text):
    return all(letter.isprintable() or letter == "\n" for letter in text)


# --- models ---


def listing(found, now, width, updates=()):
    return models.listing(summaries(found), 98_400_000, now, width, updates)


def summaries(found):
    rows = []
    for model in found:
        used = model.last_used_at and model.last_used_at.timestamp()
        facts = (model.size, model.parameters, model.quantization, model.context_length, used)
        where = tuple(each.provider for each in model.placements)
        rows.append((model.id, *facts, model.favourite, model.tags, where, model.duplicated, model.elsewhere))
    return Summaries(*zip(*rows, strict=True))


def test_the_list_of_models(make_model, now):
    used = make_model(
        "llama3", size=4_000_000_000, last_used_at=now - timedelta(hours=2), favourite=True, tags=("big",)
    )
    text = listing([used, make_model()], now, None)
    lines = text.splitlines()
    assert lines[0].split() == ["MODEL", "SIZE", "PARAMETERS", "QUANTIZATION", "CONTEXT", "USED", "TAGS"]
    assert lines[1].split()[0] == "llama3"
    assert "2 h ago" in lines[1]
    assert "favourite, big" in lines[1]
    assert "98.4 MB" in lines[2]
    assert "never" in lines[2]


def test_bytes_that_models_share_are_summed_once(make_model):
    assert sentences.models([make_model("a"), make_model("b")]) == "2 models, 98.4 MB"
    unknown = [
        make_model(each, files=(StoredFile(name="m.gguf", size=98_400_000, sha256="", storage="store"),))
        for each in "ab"
    ]
    assert sentences.models(unknown) == "2 models, 196.8 MB", "of unknown digest nothing is known to be the same"


def test_what_is_elsewhere_is_summed_apart(make_model, now):
    far = make_model("box:qwen3", files=(), size=40_000_000_000, elsewhere=True)
    apart = "1 model, 98.4 MB on this machine; 1 model, 40.0 GB elsewhere"
    assert sentences.models([make_model(), far]) == apart
    assert sentences.models([far]) == "1 model, 40.0 GB elsewhere"
    held = msgspec.structs.replace(far, placements=(Placement(provider="box", reference="qwen3", how="in-place"),))
    assert listing([held, make_model("mine")], now, None).splitlines()[-1] == apart


def test_an_empty_list_says_what_to_do(now):
    assert "papin run smollm2" in listing([], now, 80)


def test_the_list_fits_a_narrow_terminal(make_model, now):
    many = [make_model(f"a-model-with-a-rather-long-name-{number}") for number in range(3)]
    assert all(len(line) <= 40 for line in listing(many, now, 40).splitlines())


def test_everything_about_a_model(make_model, now):
    placement = Placement(provider="ollama", reference="smollm2:latest", how="hardlink")
    text = models.details(
        make_model(settings={"n_ctx": 4096}, placements=(placement,), uses=3, last_used_at=now), (), now
    )
    for part in ("smollm2", "starter:smollm2", "135M", "Q4_1", "8192 tokens", "n_ctx = 4096", "ab" * 32, "3 times"):
        assert part in text
    assert "ollama as smollm2:latest (hardlink)" in text
    assert "Licence" not in text


def test_hostile_metadata_is_made_harmless(make_model, now):
    evil = make_model(EVIL, ref=EVIL, quantization=EVIL, license=EVIL, tags=(EVIL,), settings={"n_ctx": EVIL})
    assert safe(listing([evil], now, 80))
    assert safe(models.details(evil, (), now))
    assert safe(models.sayings(evil))
    assert len(listing([evil], now, 80).splitlines()) == 4


# --- verification ---


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (Check(name="file integrity", outcome="ok"), "Checking file integrity: ✓"),
        (Check(name="memory", outcome="ok", reason="needs 1 GB"), "Estimating memory: ✓ (needs 1 GB)"),
        (
            Check(name="provider compatibility", outcome="failed", reason="needs 16 GB", recommendation="Take less."),
            "Testing provider compatibility: ✗ Error: needs 16 GB\nRecommendation: Take less.",
        ),
        (Check(name="model format", outcome="warning", reason="odd"), "Validating model format: ! Warning: odd"),
        (Check(name="speed", outcome="skipped", reason="unknown"), "Checking speed: - Skipped: unknown"),
    ],
)
def test_the_lines_of_a_verification(check, text):
    assert verdicts.check(check, unicode=True) == text


def test_marks_for_terminals_that_know_only_ascii():
    assert verdicts.check(Check(name="memory", outcome="ok"), unicode=False) == "Estimating memory: ok"
    assert verdicts.check(Check(name="memory", outcome="failed"), unicode=False).isascii()


def test_the_reason_of_a_check_cannot_forge_a_line():
    check = Check(name="model format", outcome="failed", reason="bad\nChecking file integrity: ✓", recommendation=EVIL)
    assert len(verdicts.check(check, unicode=True).splitlines()) == 2
    assert safe(verdicts.check(check, unicode=True))


def test_the_verdict():
    def of(*outcomes):
        checks = tuple(Check(name="x", outcome=outcome) for outcome in outcomes)
        return verdicts.verdict(Verification(model="m", checks=checks))

    assert of("ok", "skipped") == "The model is fine."
    assert of("ok", "warning") == "The model is fine, with 1 warning."
    assert of("failed", "warning", "failed") == "2 checks failed."


# --- plans ---


def plan(**changes):
    file = PlannedFile(name="m.gguf", size=1000)
    fields = {
        "ref": "starter:m",
        "model": "m",
        "files": (file,),
        "size": 1000,
        "fetch": 1000,
        "free": 10**9,
        "fits": True,
    }
    return DownloadPlan(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "Downloading starter:m: 1.0 kB."),
        ({"fetch": 400}, "Downloading starter:m: 400 B of 1.0 kB, the rest is here already."),
        (
            {"fetch": 400, "files": (PlannedFile(name="m.gguf", size=1000, reused=600),)},
            "Downloading starter:m: about 400 B of 1.0 kB, the rest is here already.",
        ),
        ({"size": None, "fetch": None}, "Downloading starter:m: the size is not known yet."),
        ({"ref": ""}, "Downloading m: 1.0 kB."),
        ({"installed": "m", "fetch": 0}, "m is installed already."),
        (
            {"spaces": (Space(path="/s", free=1000, usable=700, reserve=300),)},
            "Downloading starter:m: 1.0 kB.\n700 B may be used in /s (1.0 kB free, 300 B kept in reserve).",
        ),
        (
            {"spaces": (Space(path="/s", free=1000, usable=0, promised=5, limit=90, used=80),)},
            (
                "Downloading starter:m: 1.0 kB.\n"
                "0 B may be used in /s (1.0 kB free, 0 B kept in reserve, 5 B promised to other downloads, "
                "80 B of the limit of 90 B used)."
            ),
        ),
    ],
)
def test_a_download_in_short(changes, text):
    assert sentences.download_summary(plan(**changes)) == text


def test_a_download_in_full():
    files = (
        PlannedFile(name="a", size=1, present=1, shared_with=("smollm2", "x")),
        PlannedFile(name="b", size=3, present=3),
        PlannedFile(name="c", size=3, partial=2),
        PlannedFile(name="e", size=3, reused=2),
        PlannedFile(name="d", size=None),
    )
    text = plans.download(plan(files=files), 80)
    assert "It would be installed as m. It fits." in text
    assert [line.split(maxsplit=3)[-1] for line in text.splitlines()[-5:]] == [
        "all, as in smollm2",
        "all, from before",
        "2 B, unfinished",
        "about 2 B, in the version before",
        "?",
    ]


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "It fits."),
        ({"fits": False}, "It does not fit."),
        ({"fetch": None}, "Whether it fits is seen once its size is known."),
    ],
)
def test_a_download_in_full_says_whether_it_fits(changes, verdict):
    assert verdict in plans.download(plan(**changes), 80)


def test_a_removal_says_what_stays_and_why():
    kept = KeptFile(name="w.gguf", size=1000, reason="other uses it too")
    text = sentences.removal(RemovalPlan(model="m", frees=0, keeps=(kept,), loaded_by=("llamacpp",)))
    assert text.splitlines() == [
        "Removing m frees no space.",
        "Stays: w.gguf (1.0 kB): other uses it too.",
        "It is in memory now, loaded by llamacpp.",
    ]


def test_a_clean_up():
    text = plans.cleanup([Removal(model="m", reason="unused for 60 days", frees=1000, policy="tidy")], 80)
    assert "unused for 60 days" in text
    assert "1 model, 1.0 kB" in text
    assert plans.cleanup([], 80) == "Nothing needs to go.\n"
    done = Cleanup(removed=(Removal(model="m", reason="unused", frees=1000),), freed=1000, left=("n",))
    assert plans.cleaned(done) == "Removed 1 model; 1.0 kB are free again.\nStays: n, which is in use."


# --- jobs ---


def job(now, **changes):
    fields = {"id": "4f2a", "kind": "download", "subject": "starter:m", "state": "running", "created_at": now}
    return Job(**(fields | {"updated_at": now} | changes))


def test_progress_as_a_line(now):
    full_hour = now.astimezone()
    full = Progress(phase="downloading", done=500, total=1000, speed=250.0, remaining=2.0, file="m.gguf")
    assert jobs.line(full) == "downloading: 50 %, 500 B of 1.0 kB, 250 B/s, 2 s left, m.gguf"
    assert jobs.line(Progress(phase="resolving")) == "resolving"
    silent = Progress(phase="downloading", done=500, total=1000, speed=0.0, silent_since=full_hour)
    assert jobs.line(silent) == f"downloading: 50 %, 500 B of 1.0 kB, 0 B/s, nothing since {full_hour:%H:%M:%S}"
    assert jobs.line(Progress(phase="downloading", done=500)) == "downloading: 500 B"


def test_the_change_of_a_job(now):
    running = job(now, progress=Progress(phase="downloading", done=500))
    assert jobs.change(running) == "4f2a  Downloading: 500 B"
    assert jobs.change(job(now, state="queued", waiting="until 23:00")) == "4f2a  queued, waits until 23:00: starter:m"
    assert jobs.change(job(now, state="failed", error=PROBLEM)).startswith("4f2a  failed (ERR_ENGINE_MISSING)")
    assert safe(jobs.change(job(now, subject=EVIL)))


def test_the_list_of_jobs(now):
    old = job(now - timedelta(hours=1), id="old", state="failed", error=PROBLEM)
    new = job(now, progress=Progress(phase="downloading", done=1, total=2))
    lines = jobs.listing([old, new], now, None).splitlines()
    assert lines[1].split()[0] == "4f2a"
    assert "50 %" in lines[1]
    assert "failed (ERR_ENGINE_MISSING)" in lines[2]
    assert lines[-1] == "Next: papin downloads resume old"
    waiting = jobs.listing([job(now, state="queued", waiting="until 23:00")], now, None)
    assert "queued, waits until 23:00" in waiting
    assert jobs.listing([], now, 80) == "There are no downloads.\n"


def test_only_what_is_worth_it_is_to_be_gone_on_with(now):
    times = [now - timedelta(minutes=at) for at in range(4)]
    vain = job(times[1], id="vain", state="failed", error=FormatInvalid("it is no model").problem())
    over = job(times[2], id="over", state="failed", error=PROBLEM, subject="starter:done")
    done = job(times[0], id="done", state="completed", subject="starter:done")
    assert "Next:" not in jobs.listing([vain, over, done], now, None)
    paused = job(times[3], id="paused", state="paused")
    assert jobs.listing([vain, over, done, paused], now, None).endswith("Next: papin downloads resume paused\n")


# --- parts ---


def test_providers(now):
    loaded = LoadedModel(model="m", provider="llamacpp", address="http://127.0.0.1:1", loaded_at=now)
    ready = ProviderStatus(
        name="llamacpp", summary="", distribution="papin-llamacpp", version="0.1.0", state="ready",
        formats=("gguf",), engine=Engine(name="xllamacpp", version="1.2"), loaded=(loaded,),
    )  # fmt: skip
    gone = ProviderStatus(name=EVIL, summary="", distribution="x", version="1", state="missing", problem=PROBLEM)
    text = parts.providers([ready, gone], None)
    assert "xllamacpp 1.2" in text
    assert "ERR_ENGINE_MISSING" not in text, "a program that is not here is only named while others are"
    assert "Not here: " in text
    assert safe(text)
    for found in ([gone], [ready, msgspec.structs.replace(gone, state="failed")]):
        text = parts.providers(found, None)
        assert "ERR_ENGINE_MISSING  Engine missing: no llama-server\nNext: install it" in text
        assert safe(text)


def test_what_a_program_says_of_a_model():
    found = ProviderDetails(
        reference="m", template=f"{{{{ .Prompt }}}}\n{EVIL}", system_prompt="be brief", parameters={"num_ctx": EVIL}
    )
    text = providers.said(found)
    for part in ("System prompt:\nbe brief", "Template:\n{{ .Prompt }}", "num_ctx = "):
        assert part in text
    assert "Licence" not in text
    assert safe(text)


def test_second_copies():
    twin = Duplicate(
        provider="ollama", reference=EVIL, model="m", path="/o/x", kept="/p/x", sha256="ab" * 32, size=1000, mark="1"
    )
    plan = DedupePlan(duplicates=(twin,), frees=1000, left=(f"{EVIL} stays",))
    for text in (plans.dedupe(plan, None), plans.deduped(plan)):
        assert "1.0 kB" in text
        assert "Stays: " in text
        assert safe(text)
    assert "1 file stored twice" in plans.dedupe(plan, None)
    assert "Nothing that papin has" in plans.dedupe(DedupePlan(duplicates=(), frees=0), None)


def test_one_provider(now):
    model = ProviderModel(reference=EVIL, size=1000, state="damaged", problem="a blob is missing")
    inventory = Inventory(provider="ollama", at=now, listing=Listing(models=(model,)))
    status = ProviderStatus(
        name="ollama", summary="Runs models.", distribution="papin-ollama", version="0.1.0", state="ready",
        capabilities=("lists",), lacks={"embeds": "It does not.", "shares": "It does not."}, problem=PROBLEM,
    )  # fmt: skip
    text = providers.details(ProviderView(status=status, inventory=inventory), None)
    assert "Cannot:    embeds, shares. It does not." in text
    assert "damaged: a blob is missing" in text
    assert "1 model, 1.0 kB" in text
    assert "Their files" not in text
    assert safe(text)
    closed = msgspec.structs.replace(inventory, listing=Listing(models=(model,), unreadable=f"/srv/{EVIL}"))
    text = providers.details(ProviderView(status=status, inventory=closed), None)
    assert "Their files are in /srv/" in text
    assert "which you may not read." in text
    assert safe(text)
    failed = msgspec.structs.replace(inventory, problem=PROBLEM)
    assert "ollama: 1 model." in providers.refreshed([inventory])
    assert "ERR_ENGINE_MISSING" in providers.refreshed([failed])
    assert providers.problems([inventory]) == ""
    assert "ollama: ERR_ENGINE_MISSING" in providers.problems([failed])
    assert "papin-llamacpp" in parts.providers([], 80)


def test_a_file_of_several_models_is_counted_once_and_what_none_has_is_told(now):
    file = ProviderFile(name="m.gguf", size=1000, path="/o/m")
    models = tuple(ProviderModel(reference=name, size=1000, files=(file,)) for name in ("a", "b"))
    listing = Listing(models=models, unused=(ProviderFile(name="x-partial", size=5000, path="/o/x"),))
    status = ProviderStatus(name="o", summary="", distribution="", version="", state="ready")
    for shown, words in ((listing, "2 models, 1.0 kB"), (msgspec.structs.replace(listing, models=()), "no models")):
        view = ProviderView(status=status, inventory=Inventory(provider="o", at=now, listing=shown))
        text = providers.details(view, None)
        assert words in text
        assert "5.0 kB in 1 file of no model" in text


def test_catalogs(now):
    found = CatalogStatus(name="starter", prefix="starter", summary="small models", local=True, state="ready", models=1)
    assert "starter:NAME" in parts.catalogs([found], now, 80)
    assert "never" in parts.catalogs([found], now, 80)
    refreshed = msgspec.structs.replace(found, refreshed_at=now - timedelta(hours=2))
    assert "2 h ago" in parts.catalogs([refreshed], now, 80)
    assert "pip install" in parts.catalogs([], now, 80)


def test_plugins_and_their_problems():
    hook = PluginHook(kind="provider", name="llamacpp", summary="")
    found = PluginInfo(name="p", distribution="papin-p", version="1.0", hooks=(hook,), problems=(PROBLEM,))
    text = parts.plugins([found, msgspec.structs.replace(found, name="q", problems=(), disabled=True)], None)
    assert "provider llamacpp" in text
    assert "p: ERR_ENGINE_MISSING" in text
    assert "disabled" in text


# --- storage, advice, overview ---


def account(**changes):
    fields = {"path": "/data", "payloads": 2, "used": 1000, "staging": 0, "free": 10**9, "total": 2 * 10**9}
    return Account(**(fields | changes))


def test_storages():
    text = storage.accounts([account(limit=5000, reserve=100, staging=7)])
    for line in (
        "Models:     1.0 kB in 2 files",
        "Unfinished: 7 B",
        "Free:       1.0 GB of 2.0 GB",
        "Limit:      5.0 kB",
    ):
        assert line in text
    assert "Limit" not in storage.accounts([account()])


def test_recommendations():
    found = Recommendation(ref="starter:m", score=1, reason="it is small", fits=True, recommender="advisor")
    text = advice.recommendations([found], 80)
    assert "it is small" in text
    assert text.endswith("Next: papin run starter:m\n")
    assert "papin catalogs list" in advice.recommendations([], 80)


def state(**changes):
    fields = {"models": (), "loaded": (), "unfinished": (), "providers": (), "storages": (account(),)}
    return overview.Overview(**(fields | changes))


def test_a_list_marks_what_can_be_updated_and_says_how(make_model, now):
    one = Update(model="smollm2", ref="starter:smollm2", weights=True, size=9, fetch=3_000_000)
    other = Update(model="gone", ref="starter:gone", weights=False)
    text = listing([make_model()], now, None, [one])
    assert text.splitlines()[0].split()[-1] == "UPDATE"
    assert text.splitlines()[1].split()[-1] == "weights"
    assert text.endswith("\n1 update available, 3.0 MB to fetch\nNext: papin models update smollm2\n")
    assert listing([make_model()], now, None, [one, other]).endswith(
        "\n2 updates available\nNext: papin models update --all\n"
    )
    reuses = Update(
        model="smollm2", ref="starter:smollm2", weights=False, size=9_000_000, fetch=1_000_000, reused=8_000_000
    )
    assert "2 updates available, about 4.0 MB to fetch\n" in listing([make_model()], now, None, [one, reuses])
    assert "UPDATE" not in listing([make_model()], now, None)


def test_the_overview_tells_of_updates():
    found = overview.text(state(updates=(Update(model="smollm2", ref="starter:smollm2", weights=True, fetch=9),)))
    assert "Updates:    1 update available, 9 B to fetch" in found
    assert "  papin models update smollm2 " in found
    assert "Updates" not in overview.text(state())


def test_the_overview_of_an_empty_machine():
    text = overview.text(state())
    assert 'papin run smollm2 "Hello"' in text
    assert "papin providers list" in text
    assert "1.0 kB used, 1.0 GB free" in text


def test_the_overview_suggests_the_last_model_and_the_interrupted_download(make_model, now):
    recent = make_model("recent", last_used_at=now + timedelta(hours=1))
    found = state(models=(make_model(), recent), unfinished=(job(now, state="interrupted"),))
    commands = [command for command, _ in overview.next_steps(found, overview.recorded(found))]
    assert commands[:2] == ["papin models download --resume 4f2a", "papin run recent"]


def test_a_long_command_does_not_touch_what_it_does(make_model):
    text = overview.text(state(models=(make_model("a-model-with-a-rather-long-name-of-its-own"),)))
    assert "papin run a-model-with-a-rather-long-name-of-its-own  chat with a model" in text


# --- events ---

EVENTS = [
    events.DownloadQueued(job="4f2a", subject="starter:m"),
    events.DownloadStarted(job="4f2a", subject="starter:m", total=1000),
    events.DownloadProgressed(job="4f2a", progress=Progress(phase="downloading", done=1, total=2)),
    events.DownloadWarned(job="4f2a", message="a source was dropped"),
    events.DownloadCompleted(job="4f2a", model="m"),
    events.DownloadFailed(job="4f2a", problem=PROBLEM),
    events.DownloadInterrupted(job="4f2a"),
    events.DownloadPaused(job="4f2a"),
    events.DownloadResumed(job="4f2a", subject="starter:m"),
    events.DownloadCancelled(job="4f2a"),
    events.ModelInstalled(model="m", size=1000),
    events.ModelChanged(model="m"),
    events.ModelRemoved(model="m", freed=1000),
    events.ModelDamaged(model="m", file="m.gguf"),
    events.ModelUpdateAvailable(model="m", ref="shelf:m"),
    events.CatalogRefreshed(catalog="hub", changed=3, gone=1),
    events.ModelLoading(model="m", provider="llamacpp"),
    events.ModelLoaded(model="m", provider="llamacpp"),
    events.ModelLoadFailed(model="m", provider="llamacpp", problem=PROBLEM),
    events.ModelUnloaded(model="m", provider="llamacpp", reason="idle"),
    events.ProviderAppeared(provider="ollama"),
    events.ProviderVanished(provider="ollama"),
    events.ProviderChanged(provider="ollama", added=("a",), removed=("b",)),
    events.DiskSpaceLow(path="/data", free=1000),
    events.CleanupDone(models=("m",), freed=1000),
    events.PluginProblem(plugin="p", problem=PROBLEM),
    events.RegistryRebuilt(models=2, kept="/data/x"),
    events.Lagged(missed=3),
    events.UnknownEvent(type_name="acme.indexed", raw=b'{"type":"acme.indexed","x":"\x1b[2J"}'),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_is_one_safe_line_that_names_its_subject(event, now):
    line = event_view.text(events.Envelope(at=now, event=event, seq=12))
    assert line.isprintable()
    assert line.startswith("    12  2026-")
    subject = next(str(getattr(event, field)) for field in event.__struct_fields__)
    assert subject in line or isinstance(event, events.DownloadProgressed | events.DownloadStarted | events.CleanupDone)


@pytest.mark.parametrize(
    "event", [each for each in EVENTS if hasattr(each, "job")], ids=lambda event: type(event).__name__
)
def test_every_event_of_a_job_names_it_in_the_same_way(event):
    assert event_view.describe(event).startswith("job 4f2a ")


def test_every_event_has_a_test():
    assert {type(event).__name__ for event in EVENTS} == {name for name in events.__all__ if name[0].isupper()} - {
        "Envelope",
        "Event",
    }


def test_space_that_stays_taken_is_not_called_free():
    plan = RemovalPlan(model="m", frees=0)
    assert sentences.removal(plan) == "Removing m frees no space."
    assert sentences.removed(plan) == "Removed m; no space is freed."
    assert event_view.describe(events.ModelRemoved(model="m", freed=0)) == "m removed, no space is freed"
    assert sentences.removed(RemovalPlan(model="m", frees=1000)) == "Removed m; 1.0 kB are free again."


def test_a_journal_that_began_anew_is_told():
    assert event_view.describe(events.Lagged(missed=0)) == "the journal began anew; this is all it has"


def test_nothing_is_left_at_the_end():
    assert jobs.line(Progress(phase="verifying", done=5, total=5, remaining=0.0)) == "verifying: 100 %, 5 B of 5 B"


def test_a_narrow_terminal_shows_the_names_of_settings_whole():
    row = Row(key="providers.llamacpp.cache_ram_mib", value=512, source="PAPIN_PROVIDERS__LLAMACPP__CACHE_RAM_MIB")
    shown = settings.rows([row], 60)
    assert "providers.llamacpp.cache_ram_mib  512" in shown
    assert "FROM" not in shown


@pytest.mark.parametrize(
    ("value", "text"),
    [(300.0, "300"), (0.949999988079071, "0.95"), (0, "0"), (False, "False"), (None, ""), ("two\nlines", "two lines")],
)
def test_the_value_of_a_setting_is_one_short_line(value, text):
    assert facts.value_of(Setting(name="n", value=value, source="engine")) == text
