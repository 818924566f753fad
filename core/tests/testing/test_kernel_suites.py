"""The suites fail for what they are there to find, each for its own reason."""

from __future__ import annotations

import itertools
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
import trio

from papin.catalogs import Catalog, Page, all_of
from papin.errors import EngineMissing, NameInvalid, NotFound
from papin.events import DiskSpaceLow
from papin.models import CatalogEntry, Engine, HttpSource, Variant, WantedFile
from papin.policies import CleanupPolicy, Removal
from papin.providers import Provider
from papin.recommenders import Recommendation, Recommender
from papin.testing import CatalogSuite, PolicySuite, ProviderSuite, RecommenderSuite, make_context
from papin.testing.contexts import MACHINE, KnownFiles
from papin.testing.recommenders import MACHINES
from papin.testing.samples import sample_candidates, sample_inventory, sample_models

# --- how suites are used ------------------------------------------------------------------------------------------


def test_a_standard_test_cannot_be_replaced():
    with pytest.raises(TypeError, match="test_it_is_pure overrides a standard test"):
        type("TestMine", (PolicySuite,), {"test_it_is_pure": lambda self: None})


def test_a_standard_test_can_be_excused_with_a_reason():
    @pytest.mark.xfail(reason="it asks the clock")
    def excused(self):
        raise AssertionError

    @pytest.mark.xfail
    def silent(self):
        raise AssertionError

    assert type("TestMine", (PolicySuite,), {"test_it_is_pure": excused})
    with pytest.raises(TypeError):
        type("TestMine", (PolicySuite,), {"test_it_is_pure": silent})


def test_suites_are_collected_only_where_they_are_used():
    assert not PolicySuite.__test__
    assert type("TestMine", (PolicySuite,), {}).__test__


# --- contexts -----------------------------------------------------------------------------------------------------


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    folder: Path = Path("x")
    days: int = 60


POLICY = CleanupPolicy(name="p", summary="", plan=lambda inventory, now, settings: [], settings=Settings)


async def test_a_context_has_settings_folders_and_services(tmp_path):
    events = []
    model = sample_models(1, 1)[0]
    context = make_context(
        POLICY, tmp_path, publish=events.append, files=KnownFiles({model.id: [tmp_path]}), days=7, folder="/models"
    )
    assert context.settings == Settings(days=7, folder=Path("/models"))
    assert {path.stat().st_mode & 0o777 for path in msgspec.structs.astuple(context.folders)} == {0o700}
    context.publish(DiskSpaceLow(path="/", free=1))
    assert len(events) == 1
    assert await context.files.paths(model) == [tmp_path]
    assert context.machine() == MACHINE
    assert context.http.offline


async def test_a_context_by_itself_knows_no_files_and_tells_nobody(tmp_path):
    context = make_context(POLICY, tmp_path)
    context.publish(DiskSpaceLow(path="/", free=1))
    with pytest.raises(NotFound):
        await context.files.paths(sample_models(1, 1)[0])


@pytest.mark.parametrize("settings", [{"weeks": 1}, {"days": "many"}, {"folder": 7}])
def test_impossible_settings_are_refused(tmp_path, settings):
    with pytest.raises(msgspec.ValidationError):
        make_context(POLICY, tmp_path, **settings)


def test_samples_are_the_same_each_time_and_of_all_sorts():
    models = sample_models(1, 200)
    assert models == sample_models(1, 200) != sample_models(2, 200)
    assert {model.favourite for model in models} == {model.last_used_at is None for model in models} == {True, False}
    assert len({model.files[0].sha256 for model in models}) < 200


# --- policies -----------------------------------------------------------------------------------------------------


def removal(model, inventory, **changes):
    return msgspec.structs.replace(Removal(model=model.id, reason="r", frees=inventory.frees[model.id]), **changes)


def fickle():
    turns = itertools.count()
    return lambda inventory, now, settings: [
        removal(each, inventory, reason=str(next(turns))) for each in inventory.models
    ]


def meddling(inventory, now, settings):
    inventory.frees.clear()
    return []


POLICIES = {
    "test_nothing_comes_of_nothing": lambda inventory, now, settings: [Removal(model="x", reason="r", frees=0)],
    "test_it_is_pure": fickle(),
    "test_order_does_not_matter": lambda inventory, now, settings: [
        removal(each, inventory) for each in inventory.models[:1]
    ],
}
NAMINGS = {
    "unknown": lambda inventory, now, settings: [Removal(model="x", reason="r", frees=0)],
    "twice": lambda inventory, now, settings: [removal(each, inventory) for each in inventory.models * 2],
    "silent": lambda inventory, now, settings: [removal(each, inventory, reason="") for each in inventory.models],
    "boasting": lambda inventory, now, settings: [removal(each, inventory, frees=1 << 60) for each in inventory.models],
}


def policy(plan):
    return CleanupPolicy(name="bad", summary="", plan=plan)


@pytest.mark.parametrize("test", POLICIES)
def test_the_policy_suite_finds(test):
    arguments = () if test == "test_nothing_comes_of_nothing" else (sample_inventory(3, 20),)
    with pytest.raises(AssertionError):
        getattr(PolicySuite(), test)(policy(POLICIES[test]), {}, *arguments)


def test_the_policy_suite_finds_meddling():
    with pytest.raises(AssertionError):
        PolicySuite().test_it_is_pure(policy(meddling), {}, sample_inventory(3, 20))


@pytest.mark.parametrize("plan", NAMINGS.values(), ids=NAMINGS)
def test_the_policy_suite_finds_bad_removals(plan):
    with pytest.raises(AssertionError):
        PolicySuite().test_it_names_what_there_is(policy(plan), {}, sample_inventory(3, 20))


# --- recommenders -------------------------------------------------------------------------------------------------


def say(candidate, **changes):
    return msgspec.structs.replace(
        Recommendation(ref=candidate.variant.ref, score=1, reason="r", fits=False), **changes
    )


RANKINGS = {
    "unknown": lambda machine, installed, candidates, settings, task: [
        Recommendation(ref="x", score=1, reason="r", fits=False)
    ],
    "twice": lambda machine, installed, candidates, settings, task: [say(each) for each in [*candidates, *candidates]],
    "silent": lambda machine, installed, candidates, settings, task: [say(each, reason="") for each in candidates],
    "not a number": lambda machine, installed, candidates, settings, task: [
        say(each, score=float("nan")) for each in candidates
    ],
    "worst first": lambda machine, installed, candidates, settings, task: [
        say(each, score=n) for n, each in enumerate(candidates)
    ],
}


def recommender(recommend):
    return Recommender(name="bad", summary="", recommend=recommend)


@pytest.mark.parametrize("recommend", RANKINGS.values(), ids=RANKINGS)
def test_the_recommender_suite_finds_bad_rankings(recommend):
    with pytest.raises(AssertionError):
        RecommenderSuite().test_it_ranks_what_there_is(recommender(recommend), {}, MACHINE, sample_candidates(3, 20))


def test_the_recommender_suite_finds_what_depends_on_the_order():
    keeps_order = recommender(lambda machine, installed, candidates, settings, task: [say(each) for each in candidates])
    with pytest.raises(AssertionError):
        RecommenderSuite().test_order_does_not_matter(keeps_order, {}, MACHINE, sample_candidates(3, 20))


def test_the_recommender_suite_finds_sorting_in_place():
    def sorting(machine, installed, candidates, settings, task):
        candidates.sort(key=lambda each: each.variant.ref, reverse=True)
        return []

    with pytest.raises(AssertionError):
        RecommenderSuite().test_it_is_pure(recommender(sorting), {}, MACHINE, sample_candidates(3, 20))


def test_the_recommender_suite_finds_false_promises():
    hopeful = recommender(
        lambda machine, installed, candidates, settings, task: [say(each, fits=True) for each in candidates]
    )
    with pytest.raises(AssertionError):
        RecommenderSuite().test_what_is_larger_than_the_machine_does_not_fit(
            hopeful, {}, MACHINES[1], sample_candidates(3, 200)
        )


def test_the_recommender_suite_finds_something_from_nothing():
    talkative = recommender(
        lambda machine, installed, candidates, settings, task: [Recommendation(ref="x", score=1, reason="r", fits=True)]
    )
    with pytest.raises(AssertionError):
        RecommenderSuite().test_nothing_comes_of_nothing(talkative, {}, MACHINE)


# --- providers ----------------------------------------------------------------------------------------------------


class Loose:
    """A provider's session that does everything a little wrong."""

    async def engine(self):
        return Engine(name="")

    async def load(self, model, settings):
        raise ValueError("a bug")

    async def unload(self, model):
        return True

    async def loaded(self):
        return ["model"]


class Blocking:
    def engine(self):
        return Engine(name="x")


class Wordless:
    async def engine(self):
        raise EngineMissing("not there")


def provider(session, *, broken_on_second=False):
    opened = itertools.count()

    @asynccontextmanager
    async def opening(context):
        if broken_on_second:
            assert next(opened) == 0
        yield session

    return Provider(name="bad", summary="s", open=opening)


@pytest.mark.parametrize(
    ("test", "descriptor"),
    [
        ("test_opens_and_closes_and_opens_again", provider(object())),
        ("test_opens_and_closes_and_opens_again", provider(Loose(), broken_on_second=True)),
        ("test_capabilities_are_async", provider(Blocking())),
        ("test_reports_its_engine_or_that_it_is_missing", provider(Loose())),
        ("test_reports_its_engine_or_that_it_is_missing", provider(Wordless())),
        ("test_loaded_is_a_sequence", provider(Loose())),
        ("test_unloading_what_is_not_loaded_is_false", provider(Loose())),
    ],
)
async def test_the_provider_suite_finds(test, descriptor, tmp_path):
    with pytest.raises(AssertionError):
        await getattr(ProviderSuite(), test)(descriptor, make_context(descriptor, tmp_path))


async def test_the_provider_suite_finds_bugs(tmp_path):
    descriptor = provider(Loose())
    with pytest.raises(ValueError, match="a bug"):
        await ProviderSuite().test_a_model_without_files_is_refused(descriptor, make_context(descriptor, tmp_path))


async def test_a_session_that_hangs_fails(tmp_path, autojump_clock):
    class Stuck(Loose):
        async def loaded(self):
            await trio.sleep_forever()

    descriptor = provider(Stuck())
    with pytest.raises(trio.TooSlowError):
        await ProviderSuite().test_loaded_is_a_sequence(descriptor, make_context(descriptor, tmp_path))


# --- catalogs -----------------------------------------------------------------------------------------------------

FILE = WantedFile(name="m.gguf", sources=(HttpSource(url="https://models.example/m.gguf"),), size=1, sha256="5a" * 32)
VARIANT = Variant(ref="bad:m:Q8_0", catalog="bad", name="m", variant="Q8_0", files=(FILE,))
ENTRY = CatalogEntry(ref="bad:m", catalog="bad", name="m", title="M", variants=(VARIANT,))


class Shelf:
    def __init__(self, variant=VARIANT, answer=None, error=None, **facts):
        self._variant, self._answer, self._error = variant, answer, error or NotFound("none")
        self.told = msgspec.structs.replace(ENTRY, variants=(variant,), **facts)

    async def resolve(self, name, variant):
        if name == self._variant.name and variant in (None, self._variant.variant):
            return self._answer or self._variant
        raise self._error

    async def refresh(self, state):
        return all_of([self.told], state)


class Fickle(Shelf):
    turns = itertools.count()

    async def refresh(self, state):
        entries = (msgspec.structs.replace(ENTRY, ref=f"bad:m{next(self.turns)}") for _ in range(2))
        return Page(state="x", entries=tuple(entries))


class Believing(Shelf):
    async def refresh(self, state):
        return all_of([self.told] if state else [], state)


class Repeating(Shelf):
    async def refresh(self, state):
        return Page(state="x", entries=(self.told, self.told), whole=True)


class Generous(Shelf):
    async def search(self, query, most):
        return [self.told] * (most + 1)


class Deaf(Shelf):
    async def search(self, query, most):
        raise NotFound("I know nothing")


class Yielding(Shelf):
    async def resolve(self, name, variant):
        return self._variant


def catalog(session):
    @asynccontextmanager
    async def opening(context):
        yield session

    return Catalog(name="bad", prefix="bad", summary="s", open=opening, local=True)


def changed(**changes):
    return msgspec.structs.replace(VARIANT, **changes)


def with_file(**changes):
    return Shelf(changed(files=(msgspec.structs.replace(FILE, **changes),)))


CATALOGS = [
    ("test_entries_are_told_the_same_way_each_time", Fickle()),
    ("test_entries_are_told_the_same_way_each_time", Repeating()),
    ("test_a_refresh_ends_and_then_finds_nothing_new", Repeating()),
    ("test_a_state_of_another_version_is_no_problem", Believing()),
    ("test_entries_are_well_formed", Shelf(ref="m")),
    ("test_entries_are_well_formed", Shelf(catalog="other")),
    ("test_entries_are_well_formed", Shelf(title="")),
    ("test_entries_are_well_formed", Shelf(license="MIT\n...")),
    ("test_entries_are_well_formed", Shelf(capabilities=("everything",))),
    ("test_entries_are_well_formed", Shelf(formats=("GGUF",))),
    ("test_entries_are_well_formed", Shelf(downloads=-1)),
    ("test_entries_are_well_formed", Shelf(created_at=datetime(2026, 1, 1))),  # noqa: DTZ001  no zone: that is it
    ("test_entries_are_well_formed", Shelf(changed(bits_per_weight=0.0))),
    ("test_a_search_finds_at_most_what_was_asked_for", Generous()),
    ("test_a_search_finds_at_most_what_was_asked_for", Deaf()),
    ("test_entries_resolve_to_themselves", Shelf(answer=changed(summary="another"))),
    ("test_variants_are_well_formed", Shelf(changed(ref="m"))),
    ("test_variants_are_well_formed", Shelf(changed(catalog="other"))),
    ("test_variants_are_well_formed", Shelf(changed(files=()))),
    ("test_variants_are_well_formed", Shelf(changed(files=(FILE, FILE)))),
    ("test_variants_are_well_formed", with_file(size=0)),
    ("test_variants_are_well_formed", with_file(sources=())),
]


WITH_KNOWN = {
    "test_variants_are_well_formed",
    "test_entries_resolve_to_themselves",
    "test_a_search_finds_at_most_what_was_asked_for",
}


@pytest.mark.parametrize(("test", "session"), CATALOGS)
async def test_the_catalog_suite_finds(test, session, tmp_path):
    descriptor = catalog(session)
    known = ((("m",) if "search" in test else ()),) if test in WITH_KNOWN else ()
    with pytest.raises(AssertionError):
        await getattr(CatalogSuite(), test)(descriptor, make_context(descriptor, tmp_path), *known)


@pytest.mark.parametrize(
    "session",
    [
        with_file(name="../m.gguf"),
        with_file(sha256="5A" * 32),
        with_file(sha256="sha256:" + "5a" * 32),
        with_file(sources=(HttpSource(url="file:///etc/passwd"),)),
    ],
)
async def test_the_catalog_suite_finds_what_the_grammar_refuses(session, tmp_path):
    descriptor = catalog(session)
    with pytest.raises(NameInvalid):
        await CatalogSuite().test_variants_are_well_formed(descriptor, make_context(descriptor, tmp_path), ())


@pytest.mark.parametrize("session", [Yielding(), Shelf(error=KeyError("m"))])
async def test_the_catalog_suite_finds_who_does_not_refuse(session, tmp_path):
    descriptor = catalog(session)
    context = make_context(descriptor, tmp_path)
    suite = CatalogSuite()
    for call in (
        suite.test_an_unknown_name_is_not_found(descriptor, context),
        suite.test_an_unknown_variant_is_not_found(descriptor, context, ()),
        suite.test_a_hostile_name_is_refused(descriptor, context, "../x"),
    ):
        with pytest.raises((pytest.fail.Exception, KeyError)):
            await call
