"""One list from what is recorded: pure."""

import msgspec
import pytest
from msgspec.structs import replace

from papin import facts, sentences
from papin.errors import Ambiguous
from papin.inventories import Inventory, Listing, ProviderFile, ProviderModel, Remark
from papin.models import Model, Placement, StoredFile
from papin.shelf import Shelf, merged, paths_of
from papin.testing.samples import NOW

A, B = "a" * 64, "b" * 64


def listed(reference, *files, **more):
    return ProviderModel(reference=reference, files=files, size=sum(file.size for file in files), **more)


def file(sha256="", inode=None, size=10, role="weights", path=""):
    return ProviderFile(name="m.gguf", size=size, sha256=sha256, inode=inode, role=role, path=path)


def inventory(provider, *models, shared=(), **more):
    return Inventory(provider=provider, at=NOW, listing=Listing(models=models), shared=shared, **more)


def own(sha256=A, **more):
    stored = StoredFile(name="m.gguf", sha256=sha256, size=10)
    return Model(id="mine", ref="", files=(stored,), installed_at=NOW, size=10, **more)


def ids(shelf):
    return [each.id for each in shelf.only()]


def test_the_same_digest_is_one_model_wherever_it_is():
    shelf = Shelf(
        [
            inventory("ollama", listed("a:1", file(A, (1, 1))), listed("a:latest", file(A, (1, 1)), file(B, role="sidecar"))),
            inventory("lmstudio", listed("x/a.gguf", file(A, (1, 2))), listed("x/b.gguf", file(B, (1, 3)))),
        ],
        {},
        {},
    )  # fmt: skip
    assert ids(shelf) == ["lmstudio:x/b.gguf", "ollama:a:1"]
    twin = shelf.only()[1]
    assert [(each.provider, each.reference) for each in twin.placements] == [
        ("ollama", "a:1"), ("ollama", "a:latest"), ("lmstudio", "x/a.gguf"),
    ]  # fmt: skip
    assert twin.duplicated == 10


def test_a_digest_that_one_program_tells_counts_for_all_names_of_the_inode():
    shelf = Shelf(
        [inventory("a", listed("one", file(inode=(1, 1)))), inventory("b", listed("two", file(A, (1, 1))))], {}, {}
    )
    assert len(shelf.groups) == 1
    assert shelf.groups[0].duplicated == 0


def test_what_nobody_knows_anything_of_is_not_mixed_up():
    shelf = Shelf([inventory("a", listed("one", file()), listed("two", file()), listed("three"))], {}, {})
    assert ids(shelf) == ["a:one", "a:three", "a:two"]


def test_what_papin_sees_no_file_of_is_elsewhere():
    far = ProviderModel(reference="far", size=40)
    shelf = Shelf([inventory("a", far, listed("here", file(inode=(1, 1))), ProviderModel(reference="empty"))], {}, {})
    assert {each.id: each.elsewhere for each in shelf.only()} == {"a:empty": False, "a:far": True, "a:here": False}
    both = [inventory("a", listed("far", file(A))), inventory("b", listed("near", file(A, (1, 1))))]
    assert [each.elsewhere for each in Shelf(both, {}, {}).only()] == [False]
    assert [each.is_elsewhere for each in Shelf(both[:1], {frozenset([A]): "mine"}, {}).groups] == [False]


def test_what_lies_here_and_may_not_be_read_is_not_elsewhere():
    told = ProviderModel(reference="big", size=40)
    closed = inventory("a", told)
    listing = replace(closed.listing, unreadable="/var/lib/a")
    (model,) = Shelf([replace(closed, listing=listing)], {}, {}).only()
    assert (model.elsewhere, model.unreadable, model.size) == (False, "/var/lib/a", 40)
    assert sentences.models([model]) == "1 model, 40 B"
    assert "File:" in facts.lines(facts.of_model(model, NOW))
    assert "in /var/lib/a, which you may not read" in facts.lines(facts.of_model(model, NOW))


@pytest.mark.parametrize(("shared", "twice"), [((A,), 0), ((), 10)])
def test_papins_own_model_has_the_places_of_others(shared, twice):
    shelf = Shelf([inventory("ollama", listed("a:1", file(A, (1, 1))), shared=shared)], {frozenset([A]): "mine"}, {})
    (model,) = merged([own()], shelf)
    assert model.placements == (Placement(provider="ollama", reference="a:1", how="in-place"),)
    assert model.duplicated == twice


def test_a_reflink_is_no_second_copy():
    shelf = Shelf([inventory("ollama", listed("a:1", file(A, (1, 1))))], {frozenset([A]): "mine"}, {})
    placement = Placement(provider="ollama", reference="a:1", how="reflink")
    (model,) = merged([own(placements=(placement,))], shelf)
    assert (model.placements, model.duplicated) == ((placement,), 0)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_recorded_place_is_told_unless_its_provider_denies_it(is_there):
    empty = inventory("ollama")
    if not is_there:
        empty = msgspec.structs.replace(empty, listing=Listing(is_present=False))
    placement = Placement(provider="ollama", reference="a:1", how="hardlink")
    (model,) = merged([own(placements=(placement,))], Shelf([empty], {}, {}))
    assert model.placements == (() if is_there else (placement,))


def test_cloud_models_are_found_and_not_listed():
    shelf = Shelf([inventory("ollama", listed("big-cloud", state="remote"))], {}, {})
    assert ids(shelf) == []
    assert shelf.find("ollama:big-cloud")[0].id == "ollama:big-cloud"


@pytest.mark.parametrize(
    ("text", "expected", "explicit"),
    [
        ("ollama:qwen3:0.6b", "ollama:qwen3:0.6b", True),
        ("ollama:llama3", "ollama:llama3:latest", True),
        ("qwen3:0.6b", "ollama:qwen3:0.6b", False),
        ("llama3", "ollama:llama3:latest", False),
        ("pub/Repo/M-Q4.gguf", "lmstudio:pub/Repo/M-Q4.gguf", False),
        ("m-q4", "lmstudio:pub/Repo/M-Q4.gguf", False),
        ("nothing", None, False),
        ("", None, False),
    ],
)
def test_finding(text, expected, explicit):
    shelf = Shelf(
        [
            inventory("ollama", listed("qwen3:0.6b", file(A)), listed("llama3:latest", file(B))),
            inventory("lmstudio", listed("pub/Repo/M-Q4.gguf", file(inode=(1, 1), path="/x/M-Q4.gguf"))),
        ],
        {},
        {},
    )
    found = shelf.find(text)
    assert (found and found[0].id) == expected
    assert bool(found and found[1]) is explicit


def test_several_are_ambiguous_and_one_payload_is_not():
    shelf = Shelf(
        [inventory("ollama", listed("q:1", file(A)), listed("q:2", file(B))), inventory("b", listed("z", file(A)))],
        {},
        {},
    )
    with pytest.raises(Ambiguous) as caught:
        shelf.find("q")
    assert "ollama:q:1, ollama:q:2" in caught.value.next_step
    assert shelf.find("z")[0].id == "ollama:q:1"


def test_remarks_and_files_of_a_model_of_a_provider():
    remark = Remark(favourite=True, tags=("work",), uses=3, last_used_at=NOW)
    weights, notes = file(path="/x/m.gguf"), file(path="/x/notes", role="sidecar")
    shelf = Shelf([inventory("a", listed("one", weights, notes, format="gguf"))], {}, {("a", "one"): remark})
    (model,) = shelf.only()
    assert (model.favourite, model.tags, model.uses) == (True, ("work",), 3)
    assert [(each.name, each.format, each.storage) for each in model.files] == [("m.gguf", "gguf", "a")]
    assert paths_of(shelf.groups[0].holdings[0]) == ("/x/m.gguf",)
