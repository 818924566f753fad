"""Finding models at the command line: what is shown, and that searching opens no kernel."""

from datetime import timedelta

import msgspec
import pytest

from papin import sentences
from papin.discovery import Card, Found, Judged, ModelPage, Refreshed, Row, Source, Update, UpdateCheck
from papin.errors import Problem
from papin.models import CatalogEntry, Header, HttpSource, Variant, WantedFile
from papin.testing.samples import HYPERPARAMETERS, tiny_gguf
from papin_cli.views import discovery, updates

EVIL = "evil\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}\nname"
PROBLEM = Problem(code="ERR_NETWORK", title="Network problem", message="the hub is away", next_step="wait")
ENTRY = CatalogEntry(
    ref="hub:acme/lake-8b-instruct-with-a-rather-long-name",
    catalog="hub",
    name="acme/lake-8b-instruct-with-a-rather-long-name",
    title="Lake",
    summary="Knows\nlakes.",
    license="apache-2.0",
    parameters=8_000_000_000,
    capabilities=("chat", "text"),
    context_length=32768,
    downloads=12_345,
    homepage="https://hub.example/lake",
)
CARD = Card(entry=ENTRY, fit="memory", sources=(Source(ref=ENTRY.ref, catalog="hub"), Source(ref="x:l", catalog="x")))


def safe(text):
    return all(letter.isprintable() or letter == "\n" for letter in text)


@pytest.mark.parametrize("width", [20, 60, 100, None])
def test_the_reference_can_be_pasted_however_narrow_it_is(width):
    assert ENTRY.ref in discovery.cards([CARD], width).splitlines()[1].split()


def test_a_list_of_cards():
    text = discovery.found(Found(query="lake", cards=(CARD,), more=True, entries=9), None)
    assert text.split()[:8] == ["MODEL", "SIZE", "FITS", "ALSO", "AT", "DOWNLOADS", "LICENCE", "CAN"]
    for part in ("8B", "yes", "apache-2.0", "chat, text", "There is more", f"papin models show {ENTRY.ref}"):
        assert part in text


def test_a_fit_that_is_guessed_says_so():
    def shown(fit):
        return discovery.cards([msgspec.structs.replace(CARD, fit=fit, guessed=True)], None).splitlines()[1]

    assert "likely" in shown("memory").split()
    assert "likely" in shown("gpu").split()
    assert "unlikely" in shown("no").split()
    assert "?" in shown("unknown").split()


def test_what_emptied_a_list_is_said():
    nothing = Found(query="lake fits:yes", entries=9)
    named = msgspec.structs.replace(nothing, emptied_by=("fits:yes", "lake"), instead={"fits:yes": ("fits:no",)})
    text = discovery.found(named, 80)
    assert "leave out fits:yes, or put fits:no in its place; or leave out lake." in text
    assert "--online" in text
    assert "no single word" in discovery.found(nothing, 80)
    alone = Found(query="fits:yes sort:new", entries=9, emptied_by=("fits:yes",))
    assert discovery.found(alone, 80).startswith("Nothing is found for fits:yes sort:new.\n")
    advised = msgspec.structs.replace(alone, instead={"fits:yes": ("fits:no",)})
    assert discovery.found(advised, 80).startswith(
        "Nothing is found for fits:yes sort:new: put fits:no in its place.\n"
    )
    assert "There is no filter language; there are arch, size," in discovery.found(nothing, 80, "language:de lake")
    assert "no filter" not in discovery.found(nothing, 80, "lake lisence:mit sort:new http://x.example hf:a/b")
    pasted = msgspec.structs.replace(nothing, query="lake catalog:hub")
    assert "no filter" not in discovery.found(pasted, 80, "hub:lake")
    mended = Found(query="lake size:<=8b", cards=(CARD,), entries=9)
    assert discovery.found(mended, None, "lak size:..8b").startswith("Taken to mean: lake size:<=8b\n")
    assert "Taken" not in discovery.found(mended, None, "Lake size:..8b")
    assert "Taken" not in discovery.found(msgspec.structs.replace(mended, query="qwen2 5"), None, "Qwen2.5")
    assert "papin catalogs refresh" in discovery.found(Found(query=""), 80)


def test_catalogs_of_which_nothing_is_known_are_told():
    told = "Nothing is known yet of big, one and small: papin catalogs refresh"
    assert told in discovery.found(Found(query="x", entries=9, unasked=("big", "one", "small")), 80)
    assert told in discovery.found(Found(query="x", cards=(CARD,), entries=9, unasked=("big", "one", "small")), 80)
    assert told in discovery.row(Row(name="new", title="New arrivals"), 80, ["big", "one", "small"])
    assert told in discovery.rows([Row(name="new", title="New arrivals")], 80, ["big", "one", "small"])
    assert "Nothing is known" not in discovery.found(Found(query="x", cards=(CARD,), entries=9), 80)


def test_what_is_shown_of_catalogs_that_fail_is_marked():
    text = discovery.found(Found(query="x", cards=(CARD,), entries=9, stale=("big",)), 80)
    assert "big could not be asked last and tells what was before: papin catalogs list" in text
    assert "could not" not in discovery.found(Found(query="x", cards=(CARD,), entries=9), 80)


def test_rows():
    shown = discovery.rows([Row(name="new", title="New arrivals", cards=(CARD,)), Row(name="recent", title="R")], 80)
    assert "New arrivals (new)" in shown
    assert "Nothing yet." in shown
    assert "papin catalogs refresh" in discovery.rows([], 80)
    assert "ROW may also be recommended, popular, trending, chat," in shown
    assert "or a provider.\n" in shown


def judged(name, **facts):
    variant = Variant(
        ref=f"hub:lake:{name}", catalog="hub", name="lake", variant=name, size=5 * 10**9, bits_per_weight=4.9
    )
    return Judged(variant=variant, **({"fit": "memory"} | facts))


def test_the_page_of_a_model(now):
    page = ModelPage(
        entry=msgspec.structs.replace(ENTRY, access="gated", updated_at=now - timedelta(days=3)),
        variants=(judged("Q4_K_M", note="best balance for this machine", is_default=True), judged("F16", fit="no")),
        sources=CARD.sources,
        installed=("lake",),
        header=Header(format="gguf", layers=32, vocabulary=1000, has_chat_template=True),
    )
    text = discovery.page(page, now, 120)
    for part in (
        "Knows lakes.",
        "accept its licence at https://hub.example/lake, then: papin login hub.example",
        "32 layers, vocabulary of 1000, with a chat template",
        "3 days ago",
        "x:l",
        "best balance for this machine",
        "papin models download hub:lake:Q4_K_M",
    ):
        assert part in text
    assert "papin models download hub:lake:F16\n" in discovery.page(page, now, 120, "hub:lake:f16"), "as was asked"
    (best, other) = page.variants
    here = msgspec.structs.replace(page, variants=(msgspec.structs.replace(best, installed="lake"), other))
    assert discovery.page(here, now, 120).endswith("Next: papin run lake\n")
    mirror = HttpSource(url="http://10.0.0.1:8000/lake.gguf")
    file = WantedFile(name="lake.gguf", sources=(mirror,))
    near = msgspec.structs.replace(other, variant=msgspec.structs.replace(other.variant, files=(file,)))
    text = discovery.page(msgspec.structs.replace(page, variants=(near,)), now, 120)
    assert "papin login http://10.0.0.1:8000\n" in text, "who has the files wants the token"
    away = discovery.page(msgspec.structs.replace(page, problem=PROBLEM, variants=()), now, 80)
    assert "As of the last refresh: ERR_NETWORK" in away
    assert "variants are not known" in away


def test_nothing_that_a_catalog_says_reaches_the_terminal_as_it_is(now):
    evil = msgspec.structs.replace(ENTRY, title=EVIL, summary=EVIL, license=EVIL, capabilities=(EVIL,), publisher=EVIL)
    card = msgspec.structs.replace(CARD, entry=evil, why=EVIL, installed=(EVIL,))
    assert safe(discovery.cards([card], None))
    assert safe(discovery.page(ModelPage(entry=evil, variants=(judged("Q4_0"),), sources=CARD.sources), now, None))
    assert safe(sentences.refreshed(Refreshed(catalog=EVIL, changed=1)))


def test_a_model_of_several_sizes_tells_the_fewest_and_the_most_parameters():
    tags = {"0.6b": 600_000_000, "4b": 4_000_000_000, "235b": 235_000_000_000, "latest": None}
    variants = tuple(
        Variant(ref=f"hub:m:{tag}", catalog="hub", name="m", variant=tag, parameters=parameters)
        for tag, parameters in tags.items()
    )
    several = msgspec.structs.replace(ENTRY, parameters=None, variants=variants)
    assert sentences.sizes(several) == "600M-235B"
    assert sentences.sizes(msgspec.structs.replace(several, variants=variants[1:2])) == "4B"
    assert sentences.sizes(msgspec.structs.replace(several, variants=variants[3:])) == ""
    assert sentences.sizes(ENTRY) == "8B"


def test_what_a_refresh_brought():
    assert sentences.refreshed(Refreshed(catalog="hub")) == "hub: nothing new"
    assert sentences.refreshed(Refreshed(catalog="hub", changed=2, gone=1, refused=3)) == (
        "hub: 2 models new or changed, 1 gone, 3 refused"
    )
    assert "the hub is away" in sentences.refreshed(Refreshed(catalog="hub", problem=PROBLEM))


def test_updates():
    update = Update(model="lake", ref="hub:lake", weights=True, size=10, fetch=4, revision="b" * 40, revision_here="a")
    found = [
        UpdateCheck(model="lake", ref="hub:lake", outcome="weights", update=update),
        UpdateCheck(model="sea", ref="hub:sea", outcome="unknown", problem=PROBLEM),
    ]
    text = updates.checks(found, None)
    for part in ("new weights", "4 B", "b" * 12, "sea: ERR_NETWORK", "papin models update lake"):
        assert part in text
    assert "nothing to update" in updates.checks([], 80)
    assert updates.plan(update) == "lake: New weights; 4 B to fetch (10 B in all)."


def test_an_update_that_reuses_weights_says_about_how_much_it_fetches():
    update = Update(
        model="lake", ref="hub:lake", weights=False, size=4_000_000_000, fetch=8_100_000, reused=3_991_900_000
    )
    what = "Only its template or metadata is new"
    assert updates.plan(update) == f"lake: {what}; about 8.1 MB to fetch (4.0 GB in all)."
    check = UpdateCheck(model="lake", ref="hub:lake", outcome="metadata", update=update)
    assert "about 8.1 MB" in updates.checks([check], None)


# --- the program --------------------------------------------------------------------------------------------------


def test_the_first_search_brings_in_what_needs_no_network_and_the_next_opens_no_kernel(papin):
    first = papin("models", "search", "smolm2", "fits:yes")
    assert (first.status, first.err) == (0, "")
    assert "starter:smollm2" in first.out
    from .test_command_line import HEAVY, imported

    assert not HEAVY & set(imported(papin, "models", "search", "smollm2", "can:chat"))


def test_a_search_that_cannot_be_understood(papin):
    papin("models", "search")
    wrong = papin("models", "search", "size:huge")
    assert (wrong.status, wrong.out) == (1, "")
    assert "ERR_NAME" in wrong.err
    assert "provider" in papin("models", "search", "provider:lightbulb").err


def test_a_model_that_is_nowhere(papin):
    nowhere = papin("models", "show", "starter:nothing-like-it")
    assert (nowhere.status, nowhere.out) == (1, "")
    assert "ERR_NOT_FOUND" in nowhere.err
    assert "smollm2" in papin("models", "show", "smolm2").err


def test_a_catalog_of_ones_own(papin, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "lake-8b-Q4_K_M.gguf").write_bytes(b"GGUF" + bytes(1000))
    added = papin("catalogs", "add", "team", str(folder))
    assert "Added team: 1 model." in added.out, added.err
    assert "team:lake-8b" in papin("models", "search", "lake").out
    assert "Added here: 1 model." in papin("--offline", "catalogs", "add", "here", str(folder)).out
    again = papin("catalogs", "add", "team", str(folder))
    assert "ERR_CONFLICT" in again.err
    assert "ERR_CONFLICT" in papin("catalogs", "add", "starter", str(folder)).err
    assert "ERR_NAME" in papin("catalogs", "add", "My Team", str(folder)).err
    broken = papin("catalogs", "add", "gone", str(tmp_path / "nowhere"))
    assert broken.status == 1
    assert "gone" not in papin("catalogs", "list").out
    assert "Removed team" in papin("catalogs", "remove", "team").out
    assert "team" not in papin("models", "search", "lake").out
    assert "ERR_NOT_FOUND" in papin("catalogs", "remove", "starter").err


def test_the_only_build_that_is_here_is_meant_and_its_page_shows_all(papin, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    for seed, quantization in enumerate(("Q4_K_M", "Q8_0")):
        (folder / f"lake-1b-{quantization}.gguf").write_bytes(tiny_gguf(seed, numbers=HYPERPARAMETERS))
    papin("catalogs", "add", "team", str(folder))
    assert papin("models", "download", "team:lake-1b:Q8_0").status == 0
    assert "The model is fine." in (checked := papin("models", "verify", "team:lake-1b")).out, checked.err
    page = papin("models", "show", "team:lake-1b").out
    assert "Q4_K_M" in page, page
    assert "Next: papin models download team:lake-1b:Q4_K_M" in page
    assert papin("models", "download", "team:lake-1b").status == 0
    assert "ERR_AMBIGUOUS" in papin("models", "verify", "team:lake-1b").err


def test_several_models_are_removed_at_once(papin, tmp_path):
    for seed in range(3):
        (tmp_path / f"m{seed}.gguf").write_bytes(tiny_gguf(seed))
        papin("models", "import", str(tmp_path / f"m{seed}.gguf"))
    planned = papin("models", "remove", "m0", "m1", "m0", "--dry-run", "--json").json()
    assert [each["model"] for each in planned] == ["m0", "m1"]
    unknown = papin("models", "remove", "m0", "nothing", "--yes")
    assert (unknown.status, "ERR_NOT_FOUND" in unknown.err) == (1, True)
    asked = papin("models", "remove", "m0", "m1")
    assert (asked.status, "Removing m0" in asked.err) == (2, True), "nobody can be asked"
    done = papin("models", "remove", "m0", "m1", "--yes")
    assert ("Removed m0" in done.out, "Removed m1" in done.out) == (True, True)
    assert [each["id"] for each in papin("models", "list", "--json").json()] == ["m2"]


def test_a_damaged_model_is_repaired(papin, tmp_path):
    folder, whole = tmp_path / "models", tiny_gguf(numbers=HYPERPARAMETERS)
    folder.mkdir()
    (folder / "lake-1b-Q8_0.gguf").write_bytes(whole)
    papin("catalogs", "add", "team", str(folder))
    papin("models", "download", "team:lake-1b")
    assert "lake-1b is whole" in papin("models", "repair", "lake-1b").out
    (blob,) = (each for each in papin.home.rglob("blobs/sha256/*/*") if each.is_file())
    blob.unlink()
    blob.write_bytes(bytes(len(whole)))
    assert "papin models repair lake-1b" in papin("models", "verify", "lake-1b").out
    everything = papin("models", "verify", "--all")
    assert everything.status == 1
    assert "lake-1b: 2 checks failed." in everything.out
    assert everything.out.endswith("1 model: 0 fine, 1 not.\nNext: papin models repair lake-1b\n")
    planned = papin("models", "repair", "lake-1b", "--dry-run")
    assert "lake-1b-Q8_0.gguf is damaged." in planned.out
    assert "nothing to fetch: all of it is here" in planned.out
    assert "Repaired lake-1b." in papin("models", "repair", "lake-1b").out
    assert blob.read_bytes() == whole
    assert "1 model: all fine." in papin("models", "verify", "--all").out
    (told,) = papin("models", "verify", "--all", "--json").json()
    assert (told["model"], {each["outcome"] for each in told["checks"]}) == ("lake-1b", {"ok"})


def test_a_pickle_is_told_of_before_and_after_it_is_here(papin, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "evil.pt").write_bytes(b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00idtR.")
    papin("catalogs", "add", "team", str(folder))
    assert "may run code" in papin("models", "show", "team:evil").out
    got = papin("models", "download", "team:evil")
    assert "unsafe pickle: whoever loads it lets it use os.system" in got.out + got.err
    assert "os.system" in papin("models", "verify", "evil").out


def test_updating_all_tells_programs_of_each_and_going_back_says_how_to_go_forward(papin, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "lake.gguf").write_bytes(tiny_gguf())
    papin("catalogs", "add", "team", str(folder))
    papin("models", "download", "team:lake")
    (told,) = papin("models", "update", "--all", "--json").lines()
    assert (told["check"]["model"], told["check"]["outcome"]) == ("lake", "same")
    (folder / "lake.gguf").write_bytes(tiny_gguf(1))
    lines = papin("models", "update", "--all", "--json").lines()
    assert [key for line in lines for key in line if key != "job"] == ["check", "update", "model"]
    assert "papin models rollback lake" in papin("models", "rollback", "lake").out
    (folder / "lake.gguf").unlink()
    done = papin("models", "update", "lake", "--json")
    assert (done.status, [*done.lines()[-1]]) == (1, ["check"])


def test_what_no_catalog_has_cannot_be_updated_and_what_to_type_instead_is_told(papin, tmp_path):
    (tmp_path / "mine.gguf").write_bytes(tiny_gguf())
    papin("models", "import", str(tmp_path / "mine.gguf"))
    done = papin("models", "update", "mine")
    assert (done.status, "papin models download REF --name NAME" in done.err) == (1, True)
