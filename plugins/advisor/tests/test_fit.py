"""What `fit` ranks first on which machine, and how it says why."""

from datetime import UTC, datetime

import msgspec
import pytest

from papin.machine import Gpu, Machine, Memory
from papin.models import Model, Variant, WantedFile
from papin.recommenders import Candidate
from papin_advisor._fit import FitSettings, recommend

GB = 1_000_000_000


def machine(memory=16, *gpus):
    return Machine(
        system="Linux",
        architecture="x86_64",
        cores=8,
        memory=Memory(total=memory * GB, available=memory * GB),
        gpus=tuple(Gpu(name=f"GPU{each}", vendor="nvidia", memory=each and each * GB) for each in gpus),
    )


def candidate(
    name, memory=None, *, billions=None, quantization="Q4_K_M", size=None, architecture="", installed=False, can=()
):
    variant = Variant(
        ref=f"shelf:{name}",
        catalog="shelf",
        name=name,
        variant=quantization,
        quantization=quantization,
        architecture=architecture,
        capabilities=can,
        parameters=None if billions is None else int(billions * GB),
        files=(WantedFile(name="m.gguf", sources=(), size=size),),
    )
    return Candidate(variant=variant, memory=None if memory is None else int(memory * GB), installed=installed)


SMALL = candidate("small", 0.4, billions=0.135)
MIDDLE = candidate("middle", 6, billions=8)
LARGE = candidate("large", 45, billions=70)


def ranked(on, *candidates, installed=(), **settings):
    return recommend(on, installed, candidates, FitSettings(**settings))


def refs(recommendations):
    return [each.ref.removeprefix("shelf:") for each in recommendations]


def model(architecture, uses, *, favourite=False):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Model(id="m", ref="", files=(), installed_at=now, architecture=architecture, uses=uses, favourite=favourite)


def test_what_fits_comes_first_and_says_why():
    found = ranked(machine(24), LARGE, SMALL)
    assert refs(found) == ["small", "large"]
    assert found[0].reason == "needs about 400.0 MB of 24.0 GB; small and quick"
    assert [each.fits for each in found] == [True, False]
    assert "room for 18.0 GB" in found[1].reason


def test_on_a_gpu_the_most_capable_that_fits_is_first():
    found = ranked(machine(64, 24), SMALL, MIDDLE, LARGE)
    assert refs(found) == ["middle", "small", "large"]
    assert found[0].reason == "needs about 6.0 GB of the 24.0 GB of GPU24; capable and quick"
    assert "slow without a GPU" in found[2].reason


def test_the_largest_gpu_counts_and_one_without_known_memory_does_not():
    assert "of the 24.0 GB of GPU24" in ranked(machine(8, 4, 24, None), MIDDLE)[0].reason
    assert not ranked(machine(4, None), MIDDLE)[0].fits


def test_a_large_model_in_main_memory_is_not_put_before_a_quick_one():
    quick = candidate("quick", 2, billions=3)
    assert refs(ranked(machine(64), LARGE, quick)) == ["quick", "large"]


def test_better_quantizations_of_the_same_model_are_better_where_they_fit():
    found = ranked(
        machine(8, 80),
        candidate("two", 3, billions=8, quantization="Q2_K"),
        candidate("eight", 9, billions=8, quantization="Q8_0"),
        candidate("four", 6, billions=8, quantization="Q4_K_M"),
    )
    assert refs(found) == ["eight", "four", "two"]


def test_without_an_estimate_the_size_tells():
    assert ranked(machine(8), candidate("m", size=4 * GB))[0].fits
    assert not ranked(machine(4), candidate("m", size=4 * GB))[0].fits


def test_what_nobody_knows_comes_last():
    found = ranked(machine(8), candidate("unknown"), LARGE)
    assert refs(found) == ["large", "unknown"]
    assert not found[1].fits


def test_usage_decides_between_equals():
    one, two = candidate("one", 1, billions=1, architecture="a"), candidate("two", 1, billions=1, architecture="b")
    assert refs(ranked(machine(8), one, two)) == ["one", "two"]
    assert refs(ranked(machine(8), one, two, installed=[model("b", 9)])) == ["two", "one"]
    assert refs(ranked(machine(8), one, two, installed=[model("b", 0, favourite=True)])) == ["two", "one"]


def test_usage_does_not_beat_a_clearly_better_model():
    weak, strong = candidate("weak", 1, billions=1, architecture="a"), candidate("strong", 2, billions=4)
    assert refs(ranked(machine(8), weak, strong, installed=[model("a", 100)])) == ["strong", "weak"]


def test_what_is_installed_already_is_told_and_steps_back():
    here, there = candidate("here", 1, billions=1, installed=True), candidate("there", 1, billions=1)
    found = ranked(machine(8), here, there)
    assert refs(found) == ["there", "here"]
    assert found[1].reason.endswith("; installed already")


def test_the_share_of_memory_can_be_set():
    assert not ranked(machine(8), MIDDLE, memory_share=0.5)[0].fits
    assert ranked(machine(8), MIDDLE, memory_share=0.9)[0].fits


@pytest.mark.parametrize("name", ["", "F16", "BF16", "IQ3_XXS", "MXFP4", "q999999999999", "Q0"])
def test_any_name_of_a_quantization_is_survived(name):
    (found,) = ranked(machine(8), candidate("m", 1, quantization=name, size=GB))
    assert 0 < found.score < 1


@pytest.mark.parametrize("share", [0, 1.5, -1])
def test_an_impossible_share_is_refused(share):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"memory_share": share}, FitSettings)


def test_without_a_task_what_does_not_chat_comes_after_what_does_and_says_so():
    completes, embeds = (
        candidate("completes", 2, billions=3, can=("code", "text")),
        candidate("e", 1, can=("embedding",)),
    )
    chats, told = candidate("chats", 1, billions=1, can=("chat", "text")), candidate("told-nothing", 1, billions=1)
    found = ranked(machine(8), completes, embeds, told, chats)
    assert refs(found)[:3] == ["chats", "told-nothing", "completes"]
    assert found[2].reason.startswith("made for code and not to chat; needs about 2.0 GB")
    assert all(each.score > 0 and each.fits for each in found)
    assert refs(ranked(machine(1), LARGE, embeds))[-1] == "large", "what does not fit stays behind"


@pytest.mark.parametrize(
    "can", [("text", "multilingual"), ("vision",), ("code", "tools"), ("reasoning", "text"), ("text",)]
)
def test_what_is_not_told_to_chat_and_may_is_not_said_not_to(can):
    (found,) = ranked(machine(8), candidate("m", 1, billions=1, can=can))
    assert found.reason == "needs about 1.0 GB of 8.0 GB; small and quick"


def test_of_two_alike_the_one_that_can_more_comes_first():
    chats, more = (
        candidate("chats", 1, billions=1, can=("chat",)),
        candidate("more", 1, billions=1, can=("chat", "tools")),
    )
    assert refs(ranked(machine(8), chats, more)) == ["more", "chats"]


def test_of_two_alike_the_one_that_more_people_took_comes_first():
    few, many = (
        msgspec.structs.replace(candidate(name, 6, billions=8), downloads=downloads)
        for name, downloads in (("a", 900), ("b", 500_000))
    )
    unknown = candidate("0", 6, billions=8)
    assert refs(ranked(machine(), unknown, few, many)) == ["b", "a", "0"]
    larger = candidate("larger", 6, billions=13)
    assert refs(ranked(machine(), many, larger))[0] == "larger", "being known makes nothing better"


def test_for_a_task_only_what_is_made_for_it_is_named_and_says_so():
    coder, other = candidate("coder", 1, billions=1, can=("chat", "code")), candidate("other", 6, billions=8)
    found = recommend(machine(64, 24), (), [other, coder], FitSettings(), "code")
    assert refs(found) == ["coder"]
    assert found[0].reason.startswith("made for code; needs about 1.0 GB")
    assert refs(recommend(machine(64, 24), (), [other, coder], FitSettings(), "")) == ["other", "coder"]
