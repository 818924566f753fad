"""What can be installed of the files of a repository."""

from hypothesis import given
from hypothesis import strategies as st

from papin.names import check
from papin.repositories import builds


def by_variant(*paths):
    return {each.variant: each for each in builds(paths)}


def test_each_quantization_is_a_build_and_shards_are_one():
    found = by_variant(
        "README.md", "m-Q4_K_M.gguf", "Q8_0/m-Q8_0-00002-of-00002.gguf", "Q8_0/m-Q8_0-00001-of-00002.gguf"
    )
    assert set(found) == {"Q4_K_M", "Q8_0"}
    assert found["Q8_0"].weights == ("Q8_0/m-Q8_0-00001-of-00002.gguf", "Q8_0/m-Q8_0-00002-of-00002.gguf")
    assert found["Q8_0"].is_complete
    assert found["Q4_K_M"].sidecars == ()


def test_a_missing_shard_is_told():
    assert not by_variant("m-Q8_0-00001-of-00003.gguf", "m-Q8_0-00003-of-00003.gguf")["Q8_0"].is_complete


def test_the_projector_goes_with_every_build_in_half_precision():
    found = by_variant("m-Q4_K_M.gguf", "m-Q8_0.gguf", "mmproj-BF16.gguf", "mmproj-F16.gguf", "mmproj-F32.gguf")
    assert {each.mmproj for each in found.values()} == {("mmproj-F16.gguf",)}


def test_two_of_one_quantization_are_told_apart_by_their_names():
    found = by_variant("small/m-Q4_0.gguf", "large/m-Q4_0.gguf", "m-F16.gguf")
    assert set(found) == {"small-m-Q4_0", "large-m-Q4_0", "F16"}


def test_what_is_no_build_is_left_out():
    assert builds(["imatrix.gguf", "m-lora.gguf", "m.gguf.part1of2", "m.Q4_0.gguf-split-a", "training_args.bin"]) == ()
    assert builds([]) == ()


def test_weights_that_are_not_self_contained_bring_what_they_need():
    found = by_variant(
        "config.json",
        "tokenizer.json",
        "model.safetensors.index.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "onnx/model.onnx",
        "onnx/model.onnx_data",
        "onnx/model_q4.onnx",
        "README.md",
    )
    assert found["safetensors"].sidecars == ("config.json", "model.safetensors.index.json", "tokenizer.json")
    assert found["onnx"].sidecars == ("config.json", "onnx/model.onnx_data", "tokenizer.json")
    assert found["Q4"].sidecars == ("config.json", "tokenizer.json")


PATHS = st.lists(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "Q4_0/", "a b/", "../", "x" * 150 + "/"]),
        st.text(max_size=12) | st.sampled_from(["m-Q4_0", "m-Q4_0-00001-of-00002", "mmproj"]),
        st.sampled_from([".gguf", ".safetensors", ".onnx", ".bin", ".json", ""]),
    ),
    max_size=8,
)


@given(PATHS)
def test_any_files_give_builds_that_share_no_weights(paths):
    found = builds(paths)
    weights = [path for each in found for path in each.weights]
    assert len(weights) == len(set(weights))
    assert set(weights) <= set(paths)
    names = [each.variant for each in found]
    assert len(names) == len(set(names))
    assert all(check(name, "variant") == name for name in names)
