"""Each program's folder, read: what is a model there, what belongs to it, and what is not one."""

import json
import os

import pytest

from papin_found import _docker, _finders, _jan, _ramalama
from papin_found._walk import Walker

from .layouts import OLDER, Docker, HuggingFace, Ramalama, put, sha256


def found(find, root):
    walker = Walker()
    assert walker.root(str(root))
    return {each.reference: each for each in find(walker, str(root))}


def names(model, role="weights"):
    return [file.name for file in model.files if file.role == role]


def test_lmstudio(tmp_path):
    put(tmp_path / "qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q8_0.gguf")
    put(tmp_path / "qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q4_K_M.gguf")
    put(tmp_path / "google/gemma/gemma-00001-of-00002.gguf", b"12345")
    put(tmp_path / "google/gemma/gemma-00002-of-00002.gguf", b"123")
    put(tmp_path / "google/gemma/mmproj-F16.gguf", b"1")
    put(tmp_path / "too-flat.gguf")
    put(tmp_path / "flat/too-flat.gguf")
    put(tmp_path / "a/b/c/too-deep.gguf")
    models = found(_finders.find_lmstudio, tmp_path)
    assert set(models) == {
        "qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q4_K_M.gguf",
        "qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q8_0.gguf",
        "google/gemma/gemma-00001-of-00002.gguf",
    }
    split = models["google/gemma/gemma-00001-of-00002.gguf"]
    assert names(split) == ["gemma-00001-of-00002.gguf", "gemma-00002-of-00002.gguf"]
    assert names(split, "mmproj") == ["mmproj-F16.gguf"]
    assert (split.size, split.state, split.format) == (9, "ready", "gguf")
    plain = models["qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q8_0.gguf"]
    assert (plain.quantization, plain.parameters) == ("Q8_0", 600_000_000)
    assert plain.files[0].path == str(tmp_path / "qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q8_0.gguf")


def test_lmstudio_has_models_of_many_files_too(tmp_path):
    put(tmp_path / "mlx-community/Qwen3-4bit/model.safetensors", b"weights")
    put(tmp_path / "mlx-community/Qwen3-4bit/config.json", b"{}")
    (model,) = found(_finders.find_lmstudio, tmp_path).values()
    assert model.reference == "mlx-community/Qwen3-4bit"
    assert model.format == "safetensors"
    assert names(model, "sidecar") == ["config.json"]


def test_a_missing_part_is_damage(tmp_path):
    put(tmp_path / "p/r/big-00001-of-00003.gguf")
    put(tmp_path / "p/r/big-00003-of-00003.gguf")
    (model,) = found(_finders.find_lmstudio, tmp_path).values()
    assert (model.state, model.problem) == ("damaged", "not all of its parts are here")


@pytest.mark.parametrize(
    "name",
    ["m.gguf.part", "m.gguf.partial", "m.gguf.incomplete", "m.gguf.downloadInProgress", "m.gguf.crdownload",
     "incomplete-m.gguf", "._m.gguf", "downloading_m.gguf", "sha256-aa-partial", "sha256-aa-partial-3", "m.gguf.tmp",
     "m.rmodel", "README.md", "m\n.gguf", "m\x1b[31m.gguf"],
)  # fmt: skip
def test_what_is_no_model(tmp_path, name):
    put(tmp_path / name)
    put(tmp_path / "whole.gguf")
    assert set(found(_finders.find_flat, tmp_path)) == {"whole.gguf"}


def test_a_file_that_aria2_has_not_finished(tmp_path):
    put(tmp_path / "m.gguf")
    put(tmp_path / "m.gguf.aria2")
    assert found(_finders.find_flat, tmp_path) == {}


def test_names_of_no_encoding_are_left_out(tmp_path):
    put(tmp_path / "m.gguf")
    put(tmp_path / os.fsdecode(b"\xff\xfe.gguf"))
    assert set(found(_finders.find_flat, tmp_path)) == {"m.gguf"}


@pytest.mark.parametrize("seconds", [-(10**9), 10**12])
def test_impossible_times(tmp_path, seconds):
    os.utime(put(tmp_path / "m.gguf"), (seconds, seconds))
    (model,) = found(_finders.find_flat, tmp_path).values()
    assert 1970 <= model.modified_at.year <= 9999


def test_gpt4all_has_no_projectors(tmp_path):
    put(tmp_path / "Phi-3-mini-4k-instruct.Q4_0.gguf")
    put(tmp_path / "mmproj-else.gguf")
    (model,) = found(_finders.find_flat, tmp_path).values()
    assert len(model.files) == 1


def test_jan(tmp_path):
    put(tmp_path / "llamacpp/models/janhq/Jan-nano-4B-Q4_K_M/model.gguf", b"12345")
    put(tmp_path / "llamacpp/models/janhq/Jan-nano-4B-Q4_K_M/mmproj.gguf", b"1")
    relative = "llamacpp/models/janhq/Jan-nano-4B-Q4_K_M"
    put(
        tmp_path / relative / "model.yml",
        f"model_path: {relative}/model.gguf\nmmproj_path: {relative}/mmproj.gguf\nname: x\nsize_bytes: 6\n"
        f"embedding: false\nmodel_sha256: {'c' * 64}\n",
    )
    elsewhere = put(tmp_path / "elsewhere/own.gguf", b"123")
    put(tmp_path / "llamacpp/models/own/model.yml", f"model_path: {elsewhere}\nembedding: true\n")
    put(tmp_path / "llamacpp/models/gone/model.yml", "model_path: llamacpp/models/gone/model.gguf\n")
    models = found(_jan.find_jan, tmp_path)
    assert set(models) == {"janhq/Jan-nano-4B-Q4_K_M", "own", "gone"}
    jan = models["janhq/Jan-nano-4B-Q4_K_M"]
    assert [(file.name, file.role) for file in jan.files] == [("model.gguf", "weights"), ("mmproj.gguf", "mmproj")]
    assert (jan.size, jan.files[0].sha256, jan.quantization, jan.parameters) == (6, "c" * 64, "Q4_K_M", 4_000_000_000)
    assert (models["own"].files[0].path, models["own"].capabilities) == (str(elsewhere), ("embedding",))
    assert (models["gone"].state, models["gone"].problem) == ("damaged", "model.gguf is not there")


@pytest.mark.parametrize(
    "text",
    ["", "[1, 2]", "model_path: [a]", "model_path: /dev/zero", "model_path: /etc/passwd", "embedding: true",
     "a: &a [x, x]\nb: &b [*a, *a]\nmodel_path: *b\n", 'model_path: "a\\x1b.gguf"'],
)  # fmt: skip
def test_jan_with_files_that_name_no_model(tmp_path, text):
    put(tmp_path / "llamacpp/models/m/model.yml", text)
    assert found(_jan.find_jan, tmp_path) == {}


@pytest.mark.parametrize(
    "text", ["{" * 20_000, "\x00", "- " * 9000, "!!python/object/apply:os.system ['false']", "model_path: m.gguf\n" + "#" * (1 << 18)]
)  # fmt: skip
def test_a_model_whose_jan_file_cannot_be_read_is_listed_as_damaged(tmp_path, text):
    put(tmp_path / "llamacpp/models/m/model.yml", text)
    (model,) = found(_jan.find_jan, tmp_path).values()
    assert (model.reference, model.state, model.problem[:9]) == ("m", "damaged", "model.yml")


def test_a_long_jan_file_is_read_to_its_end(tmp_path):
    weights = put(tmp_path / "own.gguf", b"123")
    put(tmp_path / "llamacpp/models/m/model.yml", f"prompt: {'x' * 100_000}\nmodel_path: {weights}\n")
    (model,) = found(_jan.find_jan, tmp_path).values()
    assert (model.state, model.files[0].path) == ("ready", str(weights))


@pytest.mark.parametrize("shared", [False, True])
def test_huggingface(tmp_path, shared):
    cache = HuggingFace(tmp_path, shared=shared)
    content = b"GGUF of a model"
    name = cache.add("bartowski/Qwen2.5-7B-GGUF", "Qwen2.5-7B-Q4_K_M.gguf", content)
    cache.add("bartowski/Qwen2.5-7B-GGUF", "Q8_0/Qwen2.5-7B-Q8_0-00001-of-00002.gguf", b"one")
    cache.add("bartowski/Qwen2.5-7B-GGUF", "Q8_0/Qwen2.5-7B-Q8_0-00002-of-00002.gguf", b"two!")
    cache.add("bartowski/Qwen2.5-7B-GGUF", "README.md", b"# hello")
    cache.add("org/two--dashes", "m.gguf", b"other")
    cache.add("gpt2", "model.safetensors", b"no organisation")
    cache.ghost("somebody/ghost")
    put(tmp_path / "datasets--org--data" / "snapshots" / "x" / "m.gguf")
    models = found(_finders.find_huggingface, tmp_path)
    assert set(models) == {
        "bartowski/Qwen2.5-7B-GGUF:Q4_K_M",
        "bartowski/Qwen2.5-7B-GGUF:Q8_0",
        "org/two--dashes:gguf",
        "gpt2:safetensors",
    }
    model = models["bartowski/Qwen2.5-7B-GGUF:Q4_K_M"]
    assert (model.size, model.parameters) == (len(content), 7_000_000_000)
    assert (model.files[0].path, model.files[0].sha256) == (str(name), sha256(content))
    assert models["bartowski/Qwen2.5-7B-GGUF:Q8_0"].size == 7


def test_huggingface_lists_what_two_snapshots_share_once_and_with_the_current_one(tmp_path):
    cache = HuggingFace(tmp_path)
    cache.add("o/r", "m-Q4_0.gguf", b"same", commit=OLDER, ref="")
    cache.add("o/r", "m-Q8_0.gguf", b"old", commit=OLDER, ref="")
    cache.add("o/r", "m-Q4_0.gguf", b"same")
    cache.add("o/r", "m-Q8_0.gguf", b"newer")
    models = found(_finders.find_huggingface, tmp_path)
    assert set(models) == {"o/r:Q4_0", "o/r:Q8_0", f"o/r:Q8_0@{OLDER[:8]}"}
    assert models["o/r:Q8_0"].size == 5
    assert "aaaa" in models["o/r:Q4_0"].files[0].path


def test_huggingface_with_a_blob_that_is_not_there(tmp_path):
    cache = HuggingFace(tmp_path)
    name = cache.add("o/r", "m-Q4_0.gguf", b"x")
    name.resolve().unlink()
    assert found(_finders.find_huggingface, tmp_path) == {}


def test_llamacpp_of_before_and_of_today(tmp_path):
    put(tmp_path / "ggml-org_gemma-3-4b-it-GGUF_gemma-3-4b-it-Q4_K_M.gguf")
    put(tmp_path / "ggml-org_gemma-3-4b-it-GGUF_mmproj-model-f16.gguf")
    put(tmp_path / "ggml-org_gemma-3-4b-it-GGUF_gemma-3-4b-it-Q4_K_M.gguf.etag", b"x")
    put(tmp_path / "manifest=ggml-org=gemma-3-4b-it-GGUF=latest.json", b"{}")
    put(tmp_path / "other_repo_m-Q8_0.gguf")
    put(tmp_path / "other_repo_mtp-m-Q8_0.gguf.downloadInProgress")
    HuggingFace(tmp_path).add("new/style", "n-Q4_0.gguf", b"new")
    models = found(_finders.find_llamacpp, tmp_path)
    assert set(models) == {
        "ggml-org_gemma-3-4b-it-GGUF_gemma-3-4b-it-Q4_K_M.gguf",
        "other_repo_m-Q8_0.gguf",
        "new/style:Q4_0",
    }
    gemma = models["ggml-org_gemma-3-4b-it-GGUF_gemma-3-4b-it-Q4_K_M.gguf"]
    assert names(gemma, "mmproj") == ["ggml-org_gemma-3-4b-it-GGUF_mmproj-model-f16.gguf"]
    assert names(models["other_repo_m-Q8_0.gguf"], "mmproj") == []


def test_docker(tmp_path):
    store = Docker(tmp_path)
    digest = store.add(
        ["ai/smollm2:latest", "ai/smollm2:135M"], [("gguf.v3", b"weights"), ("mmproj", b"p"), ("license", b"MIT")]
    )
    store.add([], [("gguf.v3", b"untagged")])
    put(tmp_path / "blobs/sha256" / ("d" * 64 + ".incomplete"))
    models = found(_docker.find_docker, tmp_path)
    assert len(models) == 3
    model = models["ai/smollm2:latest"]
    assert [(file.name, file.role, file.size) for file in model.files] == [
        ("smollm2-latest.gguf", "weights", 7),
        ("smollm2-latest-mmproj.gguf", "mmproj", 1),
        ("smollm2-latest.license.txt", "sidecar", 3),
    ]
    assert model.files[0].sha256 == sha256(b"weights")
    assert (model.digest, model.state, model.format) == (digest, "ready", "gguf")


def test_docker_with_a_split_model(tmp_path):
    store = Docker(tmp_path)
    store.add(["ai/big:120B"], [("gguf.v3", b"one"), ("gguf.v3", b"two"), ("license", b"MIT")])
    files = found(_docker.find_docker, tmp_path)["ai/big:120B"].files
    assert [file.name for file in files] == [
        "big-120B-00001-of-00002.gguf",
        "big-120B-00002-of-00002.gguf",
        "big-120B.license.txt",
    ]


@pytest.mark.parametrize("how", ["gone", "short"])
def test_docker_with_a_damaged_payload(tmp_path, how):
    store = Docker(tmp_path)
    store.add(["m"], [("gguf.v3", b"weights")])
    blob = store.blob(b"weights")
    blob.unlink() if how == "gone" else blob.write_bytes(b"weig")
    assert found(_docker.find_docker, tmp_path)["m"].state == "damaged"


@pytest.mark.parametrize(
    "index",
    [b"", b"[]", b"[" * 100_000, b'{"models": null}', b'{"models": [{"id": "../../etc/passwd", "tags": ["x"]}]}'],
)
def test_docker_with_a_hostile_index(tmp_path, index):
    Docker(tmp_path)
    put(tmp_path / "models.json", index)
    assert found(_docker.find_docker, tmp_path) == {}


def test_a_folder_of_that_name_is_no_store_of_docker(tmp_path):
    put(tmp_path / "models.json", json.dumps({"models": []}))
    assert found(_docker.find_docker, tmp_path) == {}


def test_docker_does_not_follow_a_manifest_out_of_its_store(tmp_path):
    store = Docker(tmp_path)
    digest = store.add(["m"], [("gguf.v3", b"weights")])
    manifest = tmp_path / "manifests/sha256" / digest.removeprefix("sha256:")
    layer = {"mediaType": "application/vnd.docker.ai.gguf.v3", "digest": "sha256:../../../etc/passwd", "size": 1}
    manifest.write_text(json.dumps({"layers": [layer]}))
    assert found(_docker.find_docker, tmp_path)["m"].files == ()


def test_ramalama(tmp_path):
    store = Ramalama(tmp_path)
    store.add("ollama/library/smollm", "135m", {"smollm": b"weights", "LICENSE.txt": b"MIT"})
    store.add("ollama/library/smollm", "latest", {"smollm": b"weights"})
    store.add("huggingface/bartowski/Qwen3-8B-GGUF/Qwen3-8B-Q4_K_M.gguf", "latest", {"Qwen3-8B-Q4_K_M.gguf": b"12"})
    store.add("file/models/own.gguf", "latest", {"own.gguf": b"1"}, digest="sha256-beef")
    models = found(_ramalama.find_ramalama, tmp_path)
    assert set(models) == {
        "ollama://library/smollm:135m",
        "ollama://library/smollm:latest",
        "huggingface://bartowski/Qwen3-8B-GGUF/Qwen3-8B-Q4_K_M.gguf:latest",
        "file:///models/own.gguf:latest",
    }
    qwen = models["huggingface://bartowski/Qwen3-8B-GGUF/Qwen3-8B-Q4_K_M.gguf:latest"]
    assert (qwen.quantization, qwen.size, qwen.digest) == ("Q4_K_M", 2, "sha256:cafe")
    assert qwen.files[0].sha256 == sha256(b"12")
    assert qwen.parameters == 8_000_000_000


def test_ramalama_says_what_a_file_without_a_suffix_is(tmp_path):
    store = Ramalama(tmp_path)
    store.add("ollama/library/seer", "latest", {"seer": b"weights", "chat_template": b"{{ }}"})
    ref = tmp_path / "store/ollama/library/seer/refs/latest.json"
    put(tmp_path / "store/ollama/library/seer/snapshots/sha256-cafe/eyes", b"12")
    said = json.loads(ref.read_text())
    said["files"] = [
        {"name": "seer", "type": "gguf", "hash": ""},
        {"name": "eyes", "type": "mmproj", "hash": ""},
        {"name": "chat_template", "type": "chat_template", "hash": ""},
    ]
    ref.write_text(json.dumps(said))
    (model,) = found(_ramalama.find_ramalama, tmp_path).values()
    assert [(file.name, file.role) for file in model.files] == [
        ("seer.gguf", "weights"),
        ("mmproj-eyes.gguf", "mmproj"),
    ]


def test_ramalama_of_before_and_hostile(tmp_path):
    store = Ramalama(tmp_path)
    store.add("hf/o/r", "latest", {"m.gguf": b"1"})
    refs = tmp_path / "store/hf/o/r/refs"
    (refs / "latest.json").unlink()
    put(refs / "latest", "sha256-cafe\nm.gguf---model\nchat---chat\n")
    put(refs / "hostile.json", '{"hash": "../../../../etc", "files": []}')
    put(refs / "deep.json", "[" * 100_000)
    put(refs / "empty.json", "")
    assert set(found(_ramalama.find_ramalama, tmp_path)) == {"hf://o/r:latest"}
