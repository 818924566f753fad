"""Models go in and come out the same; what they share is counted once."""

from datetime import UTC, datetime, timedelta
from operator import attrgetter

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from papin.errors import Conflict, NameInvalid, NotFound, RegistryFailed
from papin.models import Model, Placement, StoredFile

LATER = datetime(2026, 5, 6, 7, 8, 9, 1, tzinfo=UTC)


@pytest.fixture
def full(make_file):
    """A model in which no field has its default."""
    files = (
        make_file(2, name="b-00001-of-00002.gguf", format="gguf"),
        make_file(1, name="b-00002-of-00002.gguf", format="gguf"),
        make_file(3, name="mmproj.gguf", role="mmproj", format="gguf", storage="other"),
    )
    return Model(
        id="full", ref="hub:org/full:Q4", files=files, installed_at=LATER, source="hub", revision="abc", format="gguf",
        architecture="llama", parameters=7_000_000_000, quantization="Q4_K_M", context_length=8192, license="mit",
        capabilities=("chat", "vision"), favourite=True, tags=("z", "a"), collections=("work",),
        settings={"n_ctx": 4096, "flash_attn": True, "keep_alive": 1.5, "chat_template": "chatml", "n_gpu_layers": 1},
        placements=(Placement(provider="p", reference="r:1", how="hardlink"), Placement(provider="a", reference="x", how="copy")),
        last_used_at=LATER, uses=3, size=306,
    )  # fmt: skip


def test_no_field_of_a_model_is_forgotten(full):
    empty = Model(id="x", ref="", files=(), installed_at=LATER)
    same = {name for name in Model.__struct_fields__ if getattr(full, name) == getattr(empty, name)}
    assert same == {
        "installed_at",
        "duplicated",
        "elsewhere",
        "unreadable",
    }  # these are found out when models are listed


def test_a_model_comes_back_as_it_went_in(registry, full, make_model):
    plain = make_model("another", 9)
    registry.change(lambda write: [write.add_model(each) for each in (full, plain)])
    assert registry.read.models() == (plain, full)
    assert registry.read.model("full") == full
    assert {type(value) for value in registry.read.model("full").settings.values()} == {int, bool, float, str}
    assert registry.read.model_ids() == ("another", "full")
    assert (registry.read.models_from(full.ref), registry.read.models_from("elsewhere:m")) == ((full,), ())


texts = st.text(st.characters(codec="utf-8"), max_size=20)
numbers = st.none() | st.integers(0, (1 << 63) - 1)
models = st.builds(
    Model,
    id=st.from_regex(r"[a-z0-9]{1,30}", fullmatch=True).map(lambda text: f"m{text}"),
    ref=texts,
    files=st.lists(
        st.builds(
            StoredFile,
            name=st.integers(0, 99).map(lambda number: f"f{number}"),
            sha256=st.integers(0, 5).map(lambda number: f"{number:064x}"),
            size=st.just(7),
            role=st.sampled_from(["weights", "mmproj", "adapter", "sidecar"]),
            format=st.just("gguf"),
            storage=st.sampled_from(["store", "other"]),
        ),
        max_size=4,
    ).map(tuple),
    installed_at=st.datetimes(timezones=st.just(UTC)),
    source=texts,
    revision=texts,
    parameters=numbers,
    context_length=numbers,
    license=texts,
    favourite=st.booleans(),
    tags=st.lists(texts, unique=True, max_size=4).map(tuple),
    collections=st.lists(texts, unique=True, max_size=4).map(tuple),
    settings=st.dictionaries(texts, texts | st.booleans() | st.integers(0, 1 << 62) | st.floats(allow_nan=False, allow_infinity=False), max_size=4),
    last_used_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    uses=st.integers(0, (1 << 63) - 1),
)  # fmt: skip


class _Undo(Exception):
    pass


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=models, second=models)
def test_any_model_comes_back_and_an_exception_leaves_nothing(registry, first, second):
    second = msgspec.structs.replace(second, id=first.id)

    def apply(write):
        write.add_model(first)
        kept = msgspec.structs.replace(first, size=sum(file.size for file in first.files))
        assert write.model(first.id) == kept
        write.edit_model(second)
        edited = msgspec.structs.replace(
            second, size=sum(file.size for file in second.files), uses=first.uses, last_used_at=first.last_used_at
        )
        assert write.model(first.id) == edited
        write.remove_model(first.id)
        raise _Undo

    with pytest.raises(_Undo):
        registry.change(apply)
    assert registry.read.models() == ()


def test_a_taken_id_is_a_conflict_that_says_what_to_type(registry, make_model):
    registry.change(lambda write: write.add_model(make_model("m", 1)))
    with pytest.raises(Conflict, match="m is installed") as caught:
        registry.change(lambda write: write.add_model(make_model("m", 2)))
    assert "--name" in caught.value.next_step
    assert registry.read.model("m") == make_model("m", 1)


def test_the_size_is_counted_and_not_believed(registry, make_model):
    registry.change(lambda write: write.add_model(make_model("m", 1, 2, size=5)))
    assert registry.read.model("m").size == 203


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"id": "../m"}, NameInvalid),
        ({"id": "M"}, NameInvalid),
        ({"files": (StoredFile(name="../f", sha256="0" * 64, size=1),)}, NameInvalid),
        ({"files": (StoredFile(name="f", sha256="0" * 63 + "G", size=1),)}, NameInvalid),
        ({"files": (StoredFile(name="f", sha256="0" * 64, size=-1),)}, RegistryFailed),
        ({"parameters": 1 << 63}, RegistryFailed),
        ({"context_length": -1}, RegistryFailed),
        ({"architecture": "\ud800"}, RegistryFailed),
        ({"installed_at": datetime(2026, 1, 1)}, RegistryFailed),  # noqa: DTZ001
    ],
)
def test_what_no_registry_may_hold_is_refused_by_every_way_in(registry, make_model, change, error):
    bad = msgspec.structs.replace(make_model("m", 1), **change)
    with pytest.raises(error) as caught:
        registry.change(lambda write: write.add_model(bad))
    assert caught.value.next_step
    added, _ = registry.change(lambda write: write.adopt([bad, make_model("good", 2)]))
    assert added == ("good",)
    registry.change(lambda write: write.add_model(make_model("m", 1)))
    if bad.id == "m":
        with pytest.raises(error):
            registry.change(lambda write: write.edit_model(bad))
    assert registry.read.model("m") == make_model("m", 1)


def test_two_files_of_one_digest_cannot_have_two_sizes(registry, make_model, make_file):
    registry.change(lambda write: write.add_model(make_model("m", 1)))
    liar = make_model("liar", files=(make_file(1, size=7),))
    with pytest.raises(Conflict, match="101"):
        registry.change(lambda write: write.add_model(liar))
    assert registry.change(lambda write: write.adopt([liar]))[0] == ()


def test_an_edit_changes_everything_but_the_usage(registry, full, make_model):
    registry.change(lambda write: (write.add_model(make_model("full", 1)), write.record_use("full", LATER)))
    registry.change(lambda write: write.edit_model(full))
    assert registry.read.model("full") == msgspec.structs.replace(full, uses=1, last_used_at=LATER)
    with pytest.raises(NotFound):
        registry.change(lambda write: write.edit_model(make_model("nobody", 1)))


def test_other_files_are_a_new_version_and_the_old_one_stays(registry, make_model):
    old, new = make_model("m", 1, 2, revision="1"), make_model("m", 2, 3, revision="2", installed_at=LATER)
    registry.change(lambda write: (write.add_model(old), write.edit_model(new)))
    assert registry.read.models() == (new,)
    assert registry.read.versions("m") == (old, new)
    assert registry.read.users(old.files[0].sha256) == ("m",)
    dropped, _ = registry.change(lambda write: write.drop_versions("m"))
    assert dropped == (old.files[0],)
    assert registry.read.versions("m") == (new,)
    assert registry.read.leftovers() == (("store", old.files[0].sha256),)


def test_a_file_that_was_read_anew_is_no_new_version(registry, make_model):
    model = make_model("m", 1)
    read = msgspec.structs.replace(model, files=(msgspec.structs.replace(model.files[0], format="gguf"),))
    registry.change(lambda write: (write.add_model(model), write.edit_model(read)))
    assert registry.read.versions("m") == (read,)


def test_removing_returns_what_nobody_else_uses(registry, make_model):
    first, second = make_model("first", 1, 2), make_model("second", 2, 3)
    registry.change(lambda write: (write.add_model(first), write.add_model(second)))
    assert registry.read.users(first.files[1].sha256) == ("first", "second")
    removed, _ = registry.change(lambda write: write.remove_model("first"))
    assert removed == (first.files[0],)
    assert registry.read.users(first.files[1].sha256) == ("second",)
    assert registry.read.model_ids() == ("second",)
    with pytest.raises(NotFound):
        registry.change(lambda write: write.remove_model("first"))


def test_one_payload_under_two_names_is_returned_once(registry, make_model, make_file):
    twice = make_model("m", files=(make_file(1), make_file(1, name="again.gguf")))
    registry.change(lambda write: write.add_model(twice))
    removed, _ = registry.change(lambda write: write.remove_model("m"))
    assert [file.sha256 for file in removed] == [twice.files[0].sha256]


def test_a_leftover_is_remembered_until_its_payload_is_gone(home, registry, make_model):
    registry.change(lambda write: write.add_model(make_model("m", 1, 2)))
    registry.change(lambda write: write.remove_model("m"))
    one, two = make_model("m", 1, 2).files
    assert home.open().read.leftovers() == (("store", one.sha256), ("store", two.sha256))
    registry.change(lambda write: write.add_model(make_model("again", 2)))
    assert registry.read.leftovers() == (("store", one.sha256),)
    registry.change(lambda write: [write.drop_leftover(file.sha256) for file in (one, two)])
    assert registry.read.leftovers() == ()
    assert registry.read.model("again") == make_model("again", 2)


def test_uses_are_counted_and_the_last_one_never_goes_back(registry, make_model):
    registry.change(lambda write: write.add_model(make_model("m", 1)))
    for at in (LATER, LATER - timedelta(days=365)):
        registry.change(lambda write, at=at: write.record_use("m", at))
    model = registry.read.model("m")
    assert (model.uses, model.last_used_at) == (2, LATER)
    with pytest.raises(NotFound):
        registry.change(lambda write: write.record_use("nobody", LATER))


def test_adopting_twice_changes_nothing_more(registry, make_model):
    models = [make_model("a", 1), make_model("b", 1, 2)]
    registry.change(lambda write: write.add_model(models[0]))
    registry.change(lambda write: write.record_use("a", LATER))
    assert registry.change(lambda write: write.adopt(models))[0] == ("b",)
    assert registry.change(lambda write: write.adopt(models))[0] == ()
    assert registry.read.model("a").uses == 1


def test_adopting_keeps_what_a_sidecar_tells_of_usage(registry, full):
    registry.change(lambda write: write.adopt([full]))
    assert registry.read.model("full") == full


def test_a_summary_tells_the_same_as_the_model(registry, full, make_model):
    models = (make_model("another", 1, 9), full, make_model("no-files"))
    registry.change(lambda write: [write.add_model(each) for each in models])
    told = registry.read.summaries()
    columns = (
        told.ids,
        told.sizes,
        told.parameters,
        told.quantizations,
        told.context_lengths,
        told.favourites,
        told.tags,
    )
    facts = attrgetter("id", "size", "parameters", "quantization", "context_length", "favourite", "tags")
    assert list(zip(*columns, strict=True)) == list(map(facts, registry.read.models()))
    assert told.used == (None, LATER.timestamp(), None)


def test_payloads_are_counted_once(registry, make_model):
    old, new = make_model("m", 1, 2, revision="1"), make_model("m", 2, revision="2")
    registry.change(lambda write: (write.add_model(old), write.edit_model(new), write.add_model(make_model("n", 2, 3))))
    assert registry.read.payload_bytes() == 101 + 102 + 103
    registry.change(lambda write: write.remove_model("n"))
    assert registry.read.payload_bytes() == 101 + 102


def test_where_models_came_from_and_their_weights_are_told_without_loading_them(registry, make_model):
    models = [make_model(f"m{number}", number) for number in range(3)]
    registry.change(lambda write: [write.add_model(each) for each in models])
    assert registry.read.origins() == {each.ref: each.id for each in models if each.ref}
    weights = {file.sha256: each.id for each in models for file in each.files if file.role == "weights"}
    assert registry.read.weights() == weights
    sha256 = models[1].files[0].sha256
    assert registry.read.weights([sha256, "f"]) == {sha256: "m1"}
    assert registry.read.weights(["0" * 16]) == weights
    assert registry.read.count() == 3


def test_only_what_came_from_some_names_is_told_where_it_is_asked_so(registry, make_model):
    refs = ("hub:a/lake", "hub:a/lake:Q4_0", "hub:a/lake:Q8_0", "hub:a/lakes:Q4_0", "hub:a/lake-8b", "hub:a", "")
    models = [msgspec.structs.replace(make_model(f"m{number}", number), ref=ref) for number, ref in enumerate(refs)]
    registry.change(lambda write: [write.add_model(each) for each in models])
    assert registry.read.origins(["hub:a/lake", "hub:none"]) == {ref: f"m{n}" for n, ref in enumerate(refs[:3])}
    assert registry.read.origins(["hub:a/lake:Q4_0"]) == {"hub:a/lake:Q4_0": "m1"}
    assert registry.read.origins([]) == {}
