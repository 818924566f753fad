"""Which build is taken, and what is said of each."""

import msgspec
import pytest

from papin.machine import Gpu, Machine, Memory
from papin.memory import Room, estimate_variant, room
from papin.models import Header, Variant
from papin.variants import by_size, choose, fits, judge, preference, stated

GB = 10**9
SIZES = {"F16": 16 * GB, "Q8_0": 8.5 * GB, "Q4_K_M": 4.9 * GB, "Q4_0": 4.6 * GB, "Q2_K": 3.2 * GB, "UD-Q4_K_XL": 5 * GB}


def variant(quantization, **facts):
    size = SIZES.get(quantization)
    facts = {"format": "gguf", "size": int(size) if size else None, "parameters": 8 * GB} | facts
    name = f"c:m:{quantization}"
    return Variant(ref=name, catalog="c", name="m", variant=quantization, quantization=quantization, **facts)


ALL = [variant(name) for name in SIZES]


def names(variants):
    return [each.variant for each in variants]


def test_the_order_is_that_of_balance():
    unknown = Variant(ref="c:m", catalog="c", name="m", variant="latest")
    ordered = sorted([unknown, *ALL], key=preference)
    assert names(ordered) == ["Q4_K_M", "UD-Q4_K_XL", "Q4_0", "Q8_0", "Q2_K", "F16", "latest"]


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (Room(gpu=0, main=64 * GB), "Q4_K_M"),
        (Room(gpu=8 * GB, main=2 * GB), "Q4_K_M"),
        (Room(gpu=0, main=int(5.6 * GB)), "Q4_0"),
        (Room(gpu=0, main=4 * GB), "Q2_K"),
        (Room(gpu=0, main=GB), "Q2_K"),
    ],
)
def test_the_best_balance_that_fits_is_the_choice_and_else_the_smallest(room, expected):
    assert choose(ALL, room).variant == expected
    assert choose(ALL[::-1], room).variant == expected


def test_what_nobody_can_run_here_comes_last():
    both = [variant("Q4_K_M", format="exl2"), variant("Q8_0")]
    space = Room(gpu=0, main=64 * GB)
    assert choose(both, space, {"gguf"}).variant == "Q8_0"
    assert choose(both, space, {"onnx"}).variant == "Q4_K_M"
    assert choose(both, space).variant == "Q4_K_M"
    assert choose([], space) is None


def test_of_equals_the_catalogs_order_counts():
    tags = [
        msgspec.structs.replace(variant("Q4_K_M", parameters=None, size=size), ref=f"c:m:{tag}")
        for tag, size in (("8b", 5 * GB), ("1b", GB))
    ]
    assert choose(tags, Room(gpu=0, main=64 * GB)) is tags[0]
    assert choose(tags, Room(gpu=0, main=2 * GB)) is tags[1]


def tags(*billions, **facts):
    """Return a model of several sizes as Ollama tells it, by parameters alone."""
    facts = {"format": "gguf"} | facts
    return [
        Variant(ref=f"c:m:{each}b", catalog="c", name="m", variant=f"{each}b", parameters=int(each * GB), **facts)
        for each in billions
    ]


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (Room(gpu=0, main=24 * GB), "4b"),
        (Room(gpu=0, main=2 * GB), "1.7b"),
        (Room(gpu=0, main=GB // 10), "0.6b"),
        (Room(gpu=8 * GB, main=64 * GB), "8b"),
        (Room(gpu=22 * GB, main=64 * GB), "14b"),
        (Room(gpu=400 * GB, main=400 * GB), "235b"),
    ],
)
def test_of_several_sizes_the_one_that_suits_the_machine_is_the_choice(room, expected):
    model = tags(0.6, 1.7, 4, 8, 14, 32, 235)
    assert choose(model, room).variant == expected
    assert choose(model[::-1], room).variant == expected
    assert [each.variant.variant for each in judge(model, room) if each.is_default] == [expected]


def test_the_choice_of_a_size_says_so_and_is_one_that_runs_here():
    large = [variant(name) for name in SIZES]
    small = [msgspec.structs.replace(each, ref=f"{each.ref}-small", parameters=GB, size=each.size // 8) for each in ALL]
    told = judge([*large, *small], Room(gpu=0, main=8 * GB))
    assert [(each.variant.ref, each.note) for each in told if each.is_default] == [
        ("c:m:Q4_K_M", "best size for this machine")
    ]
    foreign = [msgspec.structs.replace(each, format="exl2") for each in tags(4)]
    assert choose([*foreign, *small], Room(gpu=0, main=8 * GB), {"gguf"}) is small[2]


def test_a_size_is_one_although_names_round_it():
    exact = variant("F16", parameters=8_030_000_000)
    assert by_size([exact, *ALL]) == [[*ALL, exact]]
    assert choose([exact, *ALL], Room(gpu=64 * GB, main=64 * GB)).variant == "Q4_K_M"
    unknown = variant("Q4_K_M", parameters=None)
    assert by_size([ALL[0], unknown, *tags(70)]) == [[unknown], [ALL[0]], tags(70)]
    assert by_size([]) == []


def test_a_size_that_nobody_told_is_counted_from_weights_and_bits():
    guessed = variant("Q4_K_M", size=None, bits_per_weight=4.89)
    assert estimate_variant(guessed) == pytest.approx(4.89 * GB * 1.2)
    tag = Variant(ref="c:m:8b", catalog="c", name="m", variant="8b", parameters=8 * GB, format="gguf")
    assert estimate_variant(tag) == estimate_variant(guessed), "a tag of Ollama tells no more"
    (judged,) = judge([tag], Room(gpu=0, main=8 * GB))
    assert (judged.fit, judged.note) == ("memory", "best balance for this machine")
    (judged,) = judge([tag], Room(gpu=0, main=GB))
    assert (judged.fit, judged.note) == ("no", "the smallest, and still too large for this machine")
    assert estimate_variant(msgspec.structs.replace(tag, format="safetensors")) == pytest.approx(16 * GB * 1.2), "BF16"
    assert estimate_variant(msgspec.structs.replace(tag, format="pytorch")) is None, "which may have 32 bits"
    nothing = variant("Q4_K_M", size=None, parameters=None)
    assert (estimate_variant(nothing), fits(nothing, Room(gpu=0, main=1))) == (None, "unknown")


def test_safetensors_of_untold_type_say_what_they_were_counted_at_until_their_header_tells():
    untold = Variant(ref="c:m:st", catalog="c", name="m", variant="st", parameters=8 * GB, format="safetensors")
    room = Room(gpu=0, main=12 * GB)
    assumed = "the smallest, and still too large for this machine; counted at 16 bits a weight, which nobody told"
    assert [(each.fit, each.note) for each in judge([untold], room)] == [("no", assumed)]
    header = Header(format="safetensors", quantization="F8_E4M3", bits_per_weight=8.1)
    (judged,) = judge([stated(untold, header)], room)
    assert (judged.fit, judged.note, judged.variant.quantization) == (
        "memory",
        "best balance for this machine",
        "F8_E4M3",
    )
    assert "counted" not in judge([msgspec.structs.replace(untold, size=GB)], room)[0].note
    named = msgspec.structs.replace(untold, quantization="BF16")
    assert stated(named, header) is named
    assert stated(untold, Header(format="safetensors")) is untold


def test_the_room_of_a_machine():
    gpus = (
        Gpu(name="a", vendor="v", memory=10 * GB),
        Gpu(name="b", vendor="v", memory=20 * GB),
        Gpu(name="c", vendor="v"),
    )
    machine = Machine(system="", architecture="", cores=1, memory=Memory(total=32 * GB, available=0), gpus=gpus)
    assert room(machine) == Room(gpu=18 * GB, main=24 * GB)
    assert room(machine).most == 24 * GB
    assert fits(variant("Q8_0"), room(machine)) == "gpu"
    assert fits(variant("F16"), room(machine)) == "memory"


def test_every_variant_has_its_word():
    judged = {each.variant.variant: each for each in judge(ALL, Room(gpu=0, main=12 * GB), installed={"c:m:Q4_0": "m"})}
    assert {name: each.note for name, each in judged.items()} == {
        "F16": "too large for this machine",
        "Q8_0": "nearly lossless",
        "Q4_K_M": "best balance for this machine",
        "Q4_0": "close to the best balance",
        "Q2_K": "small, with a visible loss of quality",
        "UD-Q4_K_XL": "close to the best balance",
    }
    assert [name for name, each in judged.items() if each.is_default] == ["Q4_K_M"]
    assert {name: each.installed for name, each in judged.items() if each.installed} == {"Q4_0": "m"}
    sizes = [each.variant.size for each in judged.values()]
    assert sizes == sorted(sizes)
    assert judge(ALL, Room(gpu=0, main=1))[0].note == "the smallest, and still too large for this machine"
    unknown = msgspec.structs.replace(ALL[0], size=None)
    assert judge([unknown, *ALL[1:]], Room(gpu=0, main=1))[-1].variant is unknown


def pickled(**facts):
    return Variant(
        ref="hub:m:pytorch", catalog="hub", name="m", variant="pytorch", format="pytorch", size=10**6, **facts
    )


def test_a_pickle_is_the_last_choice_and_says_that_it_may_run_code():
    tensors = Variant(ref="hub:m:st", catalog="hub", name="m", variant="st", format="safetensors", size=10**6)
    room = Room(gpu=0, main=GB)
    assert choose([pickled(), tensors], room) is tensors
    assert choose([pickled()], room, ["gguf"]) == pickled(), "where there is nothing else"
    told = judge([pickled(), tensors], room)
    assert told[0].note.startswith("a pickle, which may run code when it is loaded")
    assert "pickle" not in told[1].note


def test_of_a_pickle_that_was_looked_into_what_is_in_it_is_told():
    room = Room(gpu=0, main=GB)
    bad = Header(format="pytorch", warnings=("unsafe pickle: whoever loads it lets it use os.system",))
    assert judge([pickled()], room, header=bad)[0].note.startswith("unsafe pickle: whoever loads it")
    assert judge([pickled()], room, header=Header(format="pytorch"))[0].note.startswith("a pickle with nothing but")
    other = judge([pickled()], room, header=Header(format="safetensors"))
    assert other[0].note.startswith("a pickle, which may run code")
