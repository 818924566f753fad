"""Sets of parts: what belongs together, what is missing, and what is not what its name says."""

from __future__ import annotations

import msgspec
import pytest

from papin.errors import FormatInvalid
from papin.formats import FileSet
from papin.models import Header
from papin_gguf._shards import group, join


def names(*numbers: int, of: int = 3, stem: str = "m") -> list[str]:
    return [f"{stem}-{number:05}-of-{of:05}.gguf" for number in numbers]


def test_single_files_and_sets_are_told_apart() -> None:
    found = group(["a.gguf", *names(2, 1, 3), "mmproj-a.gguf"])
    assert [each.name for each in found] == ["a.gguf", "m.gguf", "mmproj-a.gguf"]
    assert found[1].files == tuple(names(1, 2, 3))
    assert all(each.complete for each in found)


def test_missing_parts_are_named() -> None:
    (found,) = group(names(3))
    assert (found.files, found.missing) == (tuple(names(3)), tuple(names(1, 2)))
    assert not found.complete


@pytest.mark.parametrize(
    ("given", "extra"),
    [
        (names(1, 2, 3, 4), names(4)),
        (names(0, 1, 2, 3), names(0)),
        ([*names(1, 2, 3), *names(2)], names(2)),
        ([*names(1, 2, 3), "m-00002-of-00003.GGUF"], names(2)),
    ],
)
def test_parts_too_many_are_named(given: list[str], extra: list[str]) -> None:
    (found,) = group(given)
    assert found.missing == ()
    assert found.extra == tuple(extra)
    assert not found.complete


def test_sets_of_other_counts_and_stems_are_other_sets() -> None:
    found = group([*names(1, of=2), *names(1), *names(1, stem="n")])
    assert [len(each.missing) for each in found] == [1, 2, 2]


@pytest.mark.parametrize("name", ["m-00000-of-00000.gguf", "m-00001-of-00000.gguf"])
def test_a_set_of_none_is_not_complete(name: str) -> None:
    assert group([name]) == (FileSet(name="m.gguf", files=(), extra=(name,)),)


@pytest.mark.parametrize(
    "name", ["m-100000-of-100000.gguf", "m-1-of-3.gguf", "-00001-of-00003.gguf", "m-00001-of-00003.gguf.part"]
)
def test_other_names_are_no_parts(name: str) -> None:
    assert group([name]) == (FileSet(name=name, files=(name,)),)


def test_a_file_that_is_listed_twice_is_told() -> None:
    assert group(["a.gguf", "a.gguf"]) == (FileSet(name="a.gguf", files=("a.gguf",), extra=("a.gguf",)),)


def part(number: int, count: int = 3, *, tensors: int = 2, total: int = 6, architecture: str = "") -> Header:
    return Header(
        format="gguf",
        architecture=architecture or ("llama" if number == 0 else ""),
        parameters=100,
        tensors=tensors,
        tensor_bytes=50,
        expected_size=70,
        shard=(number, count),
        metadata={"split.tensors.count": total},
    )


def whole(**changes: Header) -> dict[str, Header]:
    return dict(zip(names(1, 2, 3), (part(0), part(1), part(2)), strict=True)) | changes


def test_parts_say_together_what_the_model_is() -> None:
    told = join(whole())
    assert (told.architecture, told.parameters, told.tensors, told.tensor_bytes) == ("llama", 300, 6, 150)
    assert (told.expected_size, told.bits_per_weight, told.shard) == (210, 4.0, None)


def test_a_single_file_speaks_for_itself() -> None:
    alone = Header(format="gguf", parameters=1)
    assert join({"a.gguf": alone}) == alone


def refusal(headers: dict[str, Header]) -> str:
    with pytest.raises(FormatInvalid) as caught:
        join(headers)
    assert caught.value.next_step
    return caught.value.message


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_missing_part_is_named(missing: int) -> None:
    name = names(missing + 1)[0]
    headers = whole()
    del headers[name]
    assert f"missing: {name}" in refusal(headers)


def test_a_single_part_is_not_a_model() -> None:
    assert names(2)[0] in refusal({names(1)[0]: part(0)})


def test_parts_in_each_others_place_are_named() -> None:
    first, second, _ = names(1, 2, 3)
    told = refusal(whole(**{first: part(1), second: part(0)}))
    assert f"{first} is part 2 of 3, {second} is part 1 of 3" in told


def test_a_part_in_the_place_of_its_neighbour_is_named() -> None:
    third = names(3)[0]
    assert f"{third} is part 2 of 3" in refusal(whole(**{third: part(1)}))


def test_a_whole_model_under_the_name_of_a_part_is_named() -> None:
    second = names(2)[0]
    assert f"{second} is no part of a set" in refusal(whole(**{second: msgspec.structs.replace(part(1), shard=None)}))


def test_a_part_of_a_longer_set_is_named() -> None:
    second = names(2)[0]
    assert f"{second} is part 2 of 5" in refusal(whole(**{second: part(1, 5)}))


@pytest.mark.parametrize("foreign", [part(1, total=7), part(1, architecture="gemma")])
def test_a_part_of_another_model_is_named(foreign: Header) -> None:
    second = names(2)[0]
    assert refusal(whole(**{second: foreign})).endswith(f"{second} of another model")


def test_tensors_that_are_missing_are_told() -> None:
    assert "5 of 6 tensors" in refusal(whole(**{names(2)[0]: part(1, tensors=1)}))


def test_parts_that_lost_their_names_are_refused() -> None:
    assert "missing" in refusal({f"{number}.gguf": part(number) for number in range(3)})
