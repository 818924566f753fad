"""The pure halves of the operations: estimates, check lists, plans, settings, wanted files."""

import os
from datetime import UTC, datetime

import msgspec
import pytest

from papin import memory
from papin._operations import _checks, _rows, _wanted
from papin._operations._aftercare import Look, is_low, sweepable
from papin._operations._catalogs import choose
from papin._operations._comparing import compare
from papin._operations._install import describe
from papin._operations._mending import others
from papin._operations._removal import plan_removal
from papin._operations._settings import checked_labels, checked_settings, effective, load_settings
from papin._operations._storage import allowed
from papin._operations._wanted import Held
from papin._operations._whole import Whole
from papin.errors import Ambiguous, Conflict, DiskSpace, FormatInvalid, NameInvalid, NotFound, Offline
from papin.machine import Gpu, Machine, Memory
from papin.models import FileSource, Header, HttpSource, LoadSettings, Model, Progress, StoredFile, Variant, WantedFile
from papin.names import CatalogRef, UrlRef
from papin.policies import Inventory, Removal
from papin.storages import Room

MIB = 1 << 20
GIB = 1 << 30
SMOLLM2 = Header(
    format="gguf",
    architecture="llama",
    layers=30,
    embedding_length=576,
    heads=9,
    kv_heads=3,
    vocabulary=49152,
    context_length=8192,
)
A, B = "a" * 64, "b" * 64


def machine(total=8 * GIB, free=4 * GIB, gpus=()):
    return Machine(
        system="Linux", architecture="x86_64", cores=2, memory=Memory(total=total, available=free), gpus=gpus
    )


def model(model_id="m", files=(StoredFile(name="m.gguf", sha256=A, size=100 * MIB),), **more):
    return Model(
        id=model_id, ref="", files=files, installed_at=datetime(2026, 1, 1, tzinfo=UTC), size=100 * MIB, **more
    )


def variant(*files, ref="starter:m:Q4"):
    return Variant(ref=ref, catalog="starter", name="m", variant="Q4", files=files)


def wanted(name="m.gguf", size=10, sha256=A):
    return WantedFile(name=name, sources=(HttpSource(url="https://h/m"),), size=size, sha256=sha256)


class TestMemory:
    def test_kv_cache_of_smollm2_is_what_llama_fit_params_says(self):
        assert memory.kv_cache_bytes(SMOLLM2, 4096) == 90 * MIB

    def test_compute_buffer_of_smollm2_is_near_what_llama_fit_params_says(self):
        assert memory.compute_bytes(SMOLLM2) / MIB == pytest.approx(106, rel=0.02)

    def test_estimate_adds_weights_cache_and_compute(self):
        size = 92 * MIB
        assert memory.estimate(SMOLLM2, size) / MIB == pytest.approx(288, rel=0.02)
        assert memory.estimate(SMOLLM2, size, 8192) - memory.estimate(SMOLLM2, size, 4096) == 90 * MIB

    def test_a_header_without_facts_counts_the_weights_alone(self):
        assert memory.estimate(Header(format="x"), 5) == 5


class TestChecks:
    def test_integrity_names_every_bad_file(self):
        one, two = (StoredFile(name=name, sha256=A, size=1) for name in ("one", "two"))
        both = model(files=(one, two))
        assert _checks.integrity_check([(one, "ok"), (two, "ok")], both).outcome == "ok"
        failed = _checks.integrity_check([(one, "damaged"), (two, "missing")], both)
        assert (failed.outcome, failed.reason) == ("failed", "one is damaged; two is missing")
        assert failed.recommendation.startswith(f"papin models repair {both.id} ")
        others = msgspec.structs.replace(both, id="ollama:m")
        assert "papin models remove ollama:m" in _checks.integrity_check([(one, "damaged")], others).recommendation

    def test_format_tells_the_readers_error(self):
        assert _checks.format_check(SMOLLM2, None).outcome == "ok"
        assert _checks.format_check(msgspec.structs.replace(SMOLLM2, warnings=("odd",)), None).outcome == "warning"
        failed = _checks.format_check(None, FormatInvalid("truncated", next_step="again"))
        assert (failed.outcome, failed.reason, failed.recommendation) == ("failed", "truncated", "again")

    def test_format_tells_what_llama_cpp_misses(self):
        told = _checks.format_check(msgspec.structs.replace(SMOLLM2, context_length=None), None)
        assert (told.outcome, "its context_length, without which llama.cpp" in told.reason) == ("warning", True)
        for change in ({"shard": (1, 2)}, {"architecture": "clip"}, {"format": "onnx"}):
            other = msgspec.structs.replace(SMOLLM2, context_length=None, **change)
            assert _checks.format_check(other, None).outcome == "ok"

    def test_memory_fails_above_the_whole_machine_and_warns_above_what_is_free(self):
        big = model(files=(StoredFile(name="m", sha256=A, size=16 * GIB),))
        failed = _checks.memory_check(SMOLLM2, big, machine())
        assert failed.outcome == "failed"
        assert "more quantized" in failed.recommendation
        assert _checks.memory_check(SMOLLM2, model(), machine(free=MIB)).outcome == "warning"
        assert _checks.memory_check(SMOLLM2, model(), machine()).outcome == "ok"

    def test_memory_of_a_gpu_counts(self):
        gpu = Gpu(name="g", vendor="v", memory=24 * GIB, memory_free=24 * GIB)
        big = model(files=(StoredFile(name="m", sha256=A, size=16 * GIB),))
        check = _checks.memory_check(SMOLLM2, big, machine(gpus=(gpu,)))
        assert check.outcome == "ok"
        assert check.reason.endswith("25.8 GB are free on g")

    def test_main_memory_is_told_where_the_gpu_is_full_or_keeps_its_memory_to_itself(self):
        for gpu in (Gpu(name="g", vendor="v", memory=24 * GIB, memory_free=0), Gpu(name="g", vendor="v")):
            check = _checks.memory_check(SMOLLM2, model(), machine(gpus=(gpu,)))
            assert check.outcome == "ok"
            assert check.reason.endswith("are free")

    def test_a_saved_context_length_counts(self):
        large = model(settings={"n_ctx": 1_000_000})
        assert _checks.memory_check(SMOLLM2, large, machine()).outcome == "failed"


class TestRemoval:
    def test_shared_files_stay_and_say_why(self):
        files = (StoredFile(name="w", sha256=A, size=5), StoredFile(name="p", sha256=B, size=7))
        plan = plan_removal(model(files=files), {A: ("m",), B: ("m", "other")}, {A: 5, B: 7})
        assert plan.frees == 5
        assert [(kept.name, kept.reason) for kept in plan.keeps] == [("p", "other uses it too")]

    def test_one_payload_under_two_names_is_freed_once(self):
        files = (StoredFile(name="w", sha256=A, size=5), StoredFile(name="v", sha256=A, size=5))
        assert plan_removal(model(files=files), {A: ("m",)}, {A: 5}).frees == 5

    def test_bytes_that_another_link_holds_are_not_freed(self):
        plan = plan_removal(model(), {A: ("m",)}, {A: 0})
        assert plan.frees == 0
        assert plan.keeps[0].reason == "a file outside papin shares its bytes"

    def test_cleanup_spares_favourites_loaded_and_unknown_models(self):
        inventory = Inventory(
            models=(model("a"), model("b", favourite=True), model("c")),
            loaded=frozenset({"c"}),
            frees={},
            free=0,
            total=1,
        )
        removals = [Removal(model=each, reason="r", frees=1) for each in ("a", "b", "c", "x", "a")]
        assert [each.model for each in allowed(removals, inventory)] == ["a"]


class TestSettings:
    def test_texts_become_values_and_none_takes_away(self):
        assert checked_settings({"n_ctx": 1, "keep_alive": 2.0}, {"n_ctx": "4096", "keep_alive": None}) == {
            "n_ctx": 4096
        }

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"n_ctx": "many"}, "'many' is no value for n_ctx: it must be a whole number"),
            ({"nonsense": 1}, "there is no setting nonsense"),
        ],
    )
    def test_what_cannot_be_meant_is_refused(self, change, message):
        with pytest.raises(NameInvalid) as caught:
            checked_settings({}, change)
        assert caught.value.message == message
        assert "n_ctx" in caught.value.next_step

    @pytest.mark.parametrize("label", ["", " ", " x", "a,b", "a\nb", "x" * 61])
    def test_what_is_no_name_for_a_tag_is_refused(self, label):
        assert checked_labels(["My set", "größe"]) == ["My set", "größe"]
        with pytest.raises(NameInvalid, match="no name for a tag"):
            checked_labels(["fine", label])

    def test_what_is_asked_now_wins(self):
        saved = model(settings={"n_ctx": 1024, "n_threads": 2})
        assert load_settings(saved, LoadSettings(n_ctx=8)) == LoadSettings(n_ctx=8, n_threads=2)


class TestWanted:
    def test_a_folder_and_a_name_that_is_no_text_are_refused_before_anything_is_begun(self, tmp_path):
        with pytest.raises(NameInvalid) as caught:
            _wanted.existing(tmp_path)
        assert caught.value.next_step.endswith(f"papin catalogs add NAME {tmp_path}")
        with pytest.raises(NameInvalid, match="no text"):
            _wanted.existing(tmp_path / os.fsdecode(b"m\xff.gguf"))

    def test_an_address_gives_one_file_of_unknown_size(self):
        found = _wanted.variant_of_url(UrlRef(url="https://h/a%20b/m.gguf?x=1"), A)
        assert found.files == (
            WantedFile(
                name="m.gguf", sources=(HttpSource(url="https://h/a%20b/m.gguf?x=1", user_named=True),), sha256=A
            ),
        )
        assert found.size is None

    def test_a_plain_file(self, tmp_path):
        path = tmp_path / "weird näme.gguf"
        path.write_bytes(b"abc")
        found = _wanted.variant_of_path(path, None, ())
        assert found.files == (WantedFile(name="weird name.gguf", sources=(FileSource(path=str(path)),), size=3),)

    def test_two_files_of_one_name_are_refused(self):
        with pytest.raises(NameInvalid, match="two files"):
            _wanted.check_files(variant(wanted("m.gguf"), wanted("M.gguf")))

    @pytest.mark.parametrize("file", [wanted("../m"), wanted(sha256="zz"), wanted("a/b")])
    def test_hostile_catalog_answers_are_refused(self, file):
        with pytest.raises(NameInvalid):
            _wanted.check_files(variant(file))

    def test_a_promise_must_not_contradict(self):
        assert _wanted.promise(variant(wanted(sha256=None)), A).files[0].sha256 == A
        with pytest.raises(Conflict):
            _wanted.promise(variant(wanted(sha256=A)), B)

    @pytest.mark.parametrize("request_", [_wanted.Request(ref="x", name="../x"), _wanted.Request(ref="x", sha256="1")])
    def test_a_request_is_checked(self, request_):
        with pytest.raises(NameInvalid):
            _wanted.check_request(request_)


def room(**more):
    return Room(path="/s", **{"free": 100, "total": 1000, **more})


def plan_of(*files, held=None, installed="", **more):
    sizes = {file.name: file.size for file in files}
    held = {file.name: Held() for file in files} | (held or {})
    return _wanted.make_plan(variant(*files), sizes, held, room(**more), model="m", installed=installed)


class TestPlan:
    def test_what_is_present_or_unfinished_is_not_fetched(self):
        held = {"m.gguf": Held(is_whole=True, users=("other",)), "p": Held(partial=20)}
        plan = plan_of(wanted(size=60), wanted("p", 50, B), held=held)
        assert (plan.size, plan.fetch, plan.free, plan.fits) == (110, 30, 100, True)
        assert [(file.present, file.partial, file.shared_with) for file in plan.files] == [
            (60, 0, ("other",)),
            (0, 20, ()),
        ]
        assert plan_of(wanted(size=60), held={"m.gguf": Held(partial=70)}).fetch == 0

    @pytest.mark.parametrize(
        ("more", "usable"),
        [
            ({}, 100),
            ({"reserve": 95}, 5),
            ({"promised": 40}, 60),
            ({"limit": 15, "used": 10}, 5),
            ({"limit": 1, "used": 10}, 0),
        ],
    )
    def test_what_may_be_used(self, more, usable):
        plan = plan_of(wanted(size=7), **more)
        assert (plan.free, plan.spaces[0].usable, plan.fits) == (usable, usable, usable >= 7)
        if not plan.fits:
            with pytest.raises(DiskSpace, match=r"starter:m:Q4 needs 7 B: .* may be used in /s") as caught:
                plan.check_fits()
            assert caught.value.next_step

    def test_an_installed_model_fetches_nothing_and_fits(self):
        plan = plan_of(wanted(size=500), installed="m")
        assert (plan.fetch, plan.fits, plan.installed) == (0, True, "m")

    def test_an_unknown_size_is_told_as_unknown(self):
        plan = plan_of(wanted(size=None), held={"m.gguf": Held(partial=9)})
        assert (plan.size, plan.fetch, plan.fits, plan.files[0].partial) == (None, None, True, 9)

    def test_a_file_of_this_machine_needs_no_room(self):
        plan = plan_of(WantedFile(name="m", sources=(FileSource(path="/m"),), size=500))
        assert (plan.fetch, plan.fits) == (500, True)


class TestFetchedBefore:
    URL = "https://h/m"

    def url(self, **more):
        file = WantedFile(name="m", sources=(HttpSource(url=self.URL),), **more)
        return Variant(ref=self.URL, catalog="", name="m", variant="", files=(file,))

    def test_the_same_version_at_the_same_address_is_the_same_file(self):
        before = msgspec.structs.replace(model(), ref=self.URL, revision="v1")
        others = [
            model(),
            msgspec.structs.replace(before, ref="https://h/n"),
            msgspec.structs.replace(before, revision=""),
        ]
        assert _wanted.fetched_before(self.url(), [*others, before]) == (before,)
        assert _wanted.fetched_before(self.url(sha256=B), [before]) == ()
        assert _wanted.fetched_before(variant(wanted(sha256=None)), [before]) == ()
        assert _wanted.recognised(self.url(), "v1", [before]).files[0].sha256 == A
        assert _wanted.recognised(self.url(), "v2", [before]).files[0].sha256 is None
        assert _wanted.recognised(self.url(), "", [before]).files[0].sha256 is None


class TestWhole:
    def test_progress_is_of_all_files_and_never_goes_back(self):
        seen = []
        whole = Whole({"m": 10, "p": 30}, seen.append)
        whole.of_file("m")(Progress(phase="downloading", done=10, total=10, speed=5.0))
        whole.finished(10)
        report = whole.of_file("p")
        report(Progress(phase="downloading", done=20, total=30, speed=5.0))
        report(Progress(phase="downloading", done=0, total=30))
        whole.finished(30)
        whole.committing()
        assert [(each.done, each.total) for each in seen] == [(10, 40), (30, 40), (30, 40), (40, 40)]
        assert seen[1].remaining == 2.0

    def test_a_total_is_told_once_all_sizes_are_known_and_the_server_counts_more(self):
        seen = []
        whole = Whole({"m": None, "p": 30}, seen.append)
        whole.of_file("m")(Progress(phase="resolving"))
        whole.of_file("m")(Progress(phase="downloading", total=10))
        whole.of_file("p")(Progress(phase="downloading", total=31))
        assert [each.total for each in seen] == [None, 40, 41]

    def test_it_goes_on_from_what_was_shown_before(self):
        seen = []
        report = Whole({"m": 10}, seen.append, done=7).of_file("m")
        for done in (0, 5, 8):
            report(Progress(phase="downloading", done=done))
        assert [each.done for each in seen] == [7, 7, 8]
        Whole({"m": 5}, seen.append, done=7).of_file("m")(Progress(phase="downloading"))
        assert (seen[-1].done, seen[-1].total) == (5, 5)


class TestChoose:
    def test_the_only_one(self):
        assert choose(CatalogRef(name="m"), [variant(wanted())], [], []).name == "m"

    def test_several_are_listed(self):
        with pytest.raises(Ambiguous) as caught:
            choose(CatalogRef(name="m"), [variant(ref="b:m"), variant(ref="a:m")], [], [])
        assert "a:m, b:m" in caught.value.next_step

    def test_a_catalog_that_could_not_be_asked_is_told(self):
        with pytest.raises(Offline):
            choose(CatalogRef(name="m"), [], [Offline("no network")], [])

    def test_nobody_has_it(self):
        with pytest.raises(NotFound) as caught:
            choose(CatalogRef(name="smolm2"), [], [], ["smollm2"])
        assert "smollm2" in caught.value.next_step


def test_what_the_file_says_counts_and_the_catalog_fills_the_gaps():
    offered = msgspec.structs.replace(
        variant(wanted()), architecture="claimed", license="mit", quantization="Q4_1", parameters=7
    )
    header = Header(format="gguf", architecture="llama", has_chat_template=True)
    made = describe(offered, (StoredFile(name="m", sha256=A, size=9),), header, "m", datetime(2026, 1, 1, tzinfo=UTC))
    assert (made.architecture, made.license, made.quantization, made.parameters) == ("llama", "mit", "Q4_1", 7)
    assert (made.format, made.files[0].format, made.size, made.capabilities) == ("gguf", "gguf", 9, ("chat",))


@pytest.mark.parametrize(
    ("free", "total", "low"), [(10**9, 10**12, True), (11 * 10**9, 10**12, False), (6, 100, False), (4, 100, True)]
)
def test_low_space(free, total, low):
    assert is_low(room(free=free, total=total)) is low


DAY = 86400.0


@pytest.mark.parametrize(
    ("last", "look", "before"),
    [
        (None, Look("a", 10, 1000), None),
        (Look("a", 10, 1000), Look("a", 10 + DAY - 1, 2000), None),
        (Look("a", 10, 1000), Look("a", 10 + DAY, 2000), 1000),
        (Look("a", 10, 1000), Look("b", 5, 2000), 1000),
        (Look("a", 10, 1e9), Look("b", 5, 2000), 2000),  # the clock was a lifetime ahead at the first look
        (Look("a", 10, 1000), Look("b", 5, 1e9), 1000),  # or is so now
        (Look("", 10 + DAY, 1000), Look("", 5, 2000), 1000),  # a system whose boots have no names
    ],
)
def test_d13_what_is_abandoned_has_to_be_so_by_two_looks(last, look, before):
    found, remembered = sweepable(last, look)
    assert found == before
    assert remembered == (last if before is None and last else look)


def test_a_setting_is_the_one_saved_else_the_programs_else_the_models():
    saved = {"n_ctx": 1}
    model = Model(id="m", ref="", files=(), installed_at=datetime(2026, 1, 1, tzinfo=UTC), settings=saved)
    found = effective(model, {"n_ctx": 2, "top_k": 0}, None, {"n_ctx": 3, "top_k": 4, "temperature": 0.6, "odd": 5})
    told = {each.name: (each.value, each.source) for each in found if each.source != "engine"}
    assert told == {"n_ctx": (1, "saved"), "top_k": (0, "provider"), "temperature": (0.6, "model")}


def test_what_was_used_comes_last_one_first_with_where_it_would_run():
    def used(name, size, day):
        at = day and datetime(2026, 3, day, tzinfo=UTC)
        file = StoredFile(name="m.gguf", sha256=A, size=size)
        return Model(
            id=name, ref=name, size=size, files=(file,), installed_at=datetime(2026, 1, 1, tzinfo=UTC), last_used_at=at
        )

    models = [used("small", GIB, 2), used("large", 40 * GIB, 3), used("unused", GIB, None)]
    cards = _rows.recent(models, memory.Room(gpu=0, main=6 * GIB))
    assert [(card.entry.name, card.fit, card.installed) for card in cards] == [
        ("large", "no", ("large",)),
        ("small", "memory", ("small",)),
    ]


@pytest.mark.parametrize(
    ("size", "revision", "change"),
    [
        (GIB, "", "same"),
        (2 * GIB, "", "weights"),
        (2 * GIB, "v1", "weights"),
        (GIB, "v1", "unknown"),
        (None, "", "unknown"),
    ],
)
def test_where_no_digest_is_told_other_sizes_are_other_weights(size, revision, change):
    file = StoredFile(name="m.gguf", sha256=A, size=GIB)
    here = Model(id="m", ref="c:m", files=(file,), installed_at=datetime(2026, 1, 1, tzinfo=UTC), size=GIB)
    wanted = WantedFile(name="m.gguf", size=size, sources=())
    there = Variant(ref="c:m", catalog="c", name="m", variant="", files=(wanted,), revision=revision)
    assert compare(here, there) == change


@pytest.mark.parametrize(("here", "there", "change"), [("1", "1", "same"), ("1", "2", "weights"), ("", "2", "unknown")])
def test_a_file_of_this_machine_that_changed_is_taken_again(here, there, change):
    file = StoredFile(name="m.gguf", sha256=A, size=GIB)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    model = Model(id="m", ref="c:m", files=(file,), installed_at=now, size=GIB, revision=here)
    wanted = WantedFile(name="m.gguf", size=GIB, sources=(FileSource(path="m.gguf"),))
    assert (
        compare(model, Variant(ref="c:m", catalog="c", name="m", variant="", files=(wanted,), revision=there)) == change
    )


def test_a_copy_is_another_file_and_not_the_damaged_one_under_another_name(tmp_path):
    own, linked, copied = (tmp_path / name for name in ("own", "linked", "copied"))
    own.write_bytes(b"GGUF")
    linked.hardlink_to(own)
    copied.write_bytes(b"GGUF")
    (tmp_path / "short").write_bytes(b"GGU")
    files = [FileSource(path=str(tmp_path / name)) for name in ("linked", "copied", "short", "gone", ".")]
    assert others(files, own, 4) == [files[1]]
    assert others(files, None, 4) == files[:2]
