"""What a person types finds one model or says why not."""

import pytest

from papin.errors import Ambiguous, NotFound


@pytest.fixture
def read(registry, make_model):
    models = [
        make_model("llama", 1, ref="hub:meta/llama:Q4"),
        make_model("llama-big", 2, ref="hub:meta/llama:Q8"),
        make_model("qwen3-0.6b", 3, ref="ollama:qwen3:0.6b"),
        make_model("qwen3-1.7b", 4, ref="ollama:qwen3:1.7b"),
        make_model("mine", 5, ref="./twice.gguf"),
        make_model("mine-2", 6, ref="./twice.gguf"),
        make_model("a_b", 7, ref=""),
        make_model("axb", 8, ref=""),
    ]
    registry.change(lambda write: [write.add_model(model) for model in models])
    return registry.read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("llama", "llama"),
        ("llama-", "llama-big"),
        ("qwen3-0", "qwen3-0.6b"),
        ("hub:meta/llama:Q4", "llama"),
        ("ollama:qwen3:1.7b", "qwen3-1.7b"),
        ("a_", "a_b"),
        ("mine", "mine"),
    ],
)
def test_an_id_a_ref_or_an_unambiguous_prefix_is_found(read, text, expected):
    assert read.find(text).id == expected


def test_a_model_of_a_catalog_is_the_only_build_of_it_that_is_here(read, registry, make_model):
    registry.change(lambda write: write.add_model(make_model("phi", 9, ref="hub:org/phi:Q4")))
    assert read.find_anywhere("hub:org/phi").id == "phi"
    with pytest.raises(Ambiguous) as caught:
        read.find_anywhere("ollama:qwen3")
    assert "qwen3-0.6b, qwen3-1.7b" in caught.value.next_step
    for text in ("hub", "hub:org/ph", "hub:org", "//hub:org/phi", "hub:org/phi:"):
        with pytest.raises(NotFound):
            read.find_anywhere(text)


@pytest.mark.parametrize(("text", "listed"), [("qwen3", "qwen3-0.6b, qwen3-1.7b"), ("./twice.gguf", "mine, mine-2")])
def test_what_is_ambiguous_lists_what_it_may_be(read, text, listed):
    with pytest.raises(Ambiguous) as caught:
        read.find(text)
    assert listed in caught.value.next_step


@pytest.mark.parametrize(("text", "near"), [("lama", "llama"), ("qwen3-06b", "qwen3-0.6b"), ("llama-bg", "llama-big")])
def test_what_is_unknown_lists_the_nearest(read, text, near):
    with pytest.raises(NotFound) as caught:
        read.find(text)
    assert near in caught.value.next_step


@pytest.mark.parametrize(
    "text", ["", "%", "_", "*", "\ud800", "x" * 100_000, "'; DROP TABLE models; --", "\x1b[31m", "LLAMA"]
)
def test_hostile_words_find_nothing_and_are_not_repeated_raw(read, text):
    with pytest.raises(NotFound) as caught:
        read.find(text)
    assert len(caught.value.message) < 200
    assert caught.value.message.isprintable()
    assert caught.value.next_step
    with pytest.raises(NotFound):
        read.model(text)


def test_where_nothing_is_installed_the_next_step_says_how_to_look(registry):
    with pytest.raises(NotFound) as caught:
        registry.read.find("m")
    assert "papin models list" in caught.value.next_step
