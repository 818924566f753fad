"""The folder of LocalAI's models, read as it lies there."""

import json
import os

import pytest

from papin.inventories import is_current
from papin.testing.users import as_somebody_else, public_folder
from papin_localai._folder import read_folder


def write(path, size=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    return path


def configure(root, name, **config):
    (root / f"{name}.yaml").write_text(json.dumps({"name": name, **config}))


def by_name(root):
    return {each.reference: each for each in read_folder(root).models}


def test_a_model_is_its_configuration_and_the_files_it_names(root):
    write(root / "llama-cpp" / "Tiny-8B-Q4_K_M.gguf", 400)
    write(root / "mmproj.gguf", 50)
    configure(
        root,
        "tiny",
        parameters={"model": "llama-cpp/Tiny-8B-Q4_K_M.gguf"},
        mmproj="mmproj.gguf",
        context_size=4096,
        known_usecases=["FLAG_CHAT", "embeddings"],
    )
    (model,) = read_folder(root).models
    assert (model.reference, model.size, model.state) == ("tiny", 450, "ready")
    assert [(file.name, file.role) for file in model.files] == [
        ("Tiny-8B-Q4_K_M.gguf", "weights"),
        ("mmproj.gguf", "mmproj"),
    ]
    assert (model.quantization, model.parameters, model.context_length) == ("Q4_K_M", 8_000_000_000, 4096)
    assert model.capabilities == ("chat", "embedding", "text", "vision")


def test_the_parts_of_a_split_model_are_one(root):
    for number in (1, 2, 3):
        write(root / f"big-0000{number}-of-00003.gguf", 10)
    configure(root, "big", parameters={"model": "big-00001-of-00003.gguf"})
    assert by_name(root)["big"].size == 30
    assert list(by_name(root)) == ["big"]


def test_a_file_without_a_configuration_is_a_model_too(root):
    write(root / "loose-Q8_0.gguf", 7)
    write(root / "half.gguf.partial")
    write(root / "notes.txt")
    assert {name: model.size for name, model in by_name(root).items()} == {"loose-Q8_0.gguf": 7}


def test_what_is_missing_or_broken_is_damaged_and_stays_in_the_list(root):
    configure(root, "gone", parameters={"model": "gone.gguf"})
    (root / "broken.yaml").write_text("{: [")
    (root / "list.yaml").write_text("[1, 2]")
    found = by_name(root)
    assert {name: each.state for name, each in found.items()} == dict.fromkeys(("gone", "broken", "list"), "damaged")
    assert "gone.gguf is missing" in found["gone"].problem


@pytest.mark.parametrize("name", ["../outside.gguf", "/etc/passwd", "a/../../outside.gguf", "\0.gguf", "x" * 5000])
def test_a_configuration_cannot_point_outside(root, name):
    write(root.parent / "outside.gguf")
    configure(root, "evil", parameters={"model": name})
    assert by_name(root)["evil"].files == ()


def test_a_model_of_a_repository_has_no_files_here_and_is_not_damaged(root):
    configure(root, "remote", parameters={"model": "Qwen/Qwen-Image-Edit"}, backend="diffusers")
    assert (by_name(root)["remote"].state, by_name(root)["remote"].files) == ("ready", ())


def test_links_in_circles_end(root):
    (root / "a").mkdir()
    (root / "a" / "again").symlink_to(root)
    write(root / "a" / "m.gguf")
    assert read_folder(root).is_present


def test_changes_are_noticed_by_time_stamps(root):
    write(root / "sub" / "a.gguf")
    for folder in (root / "sub", root):
        os.utime(folder, ns=(10**9, 10**9))  # what changed a moment ago may change again unseen
    listing = read_folder(root)
    assert is_current(listing.stamps)
    os.utime(root / "sub", ns=(1, 1))
    assert not is_current(listing.stamps)


def test_a_folder_that_is_not_there_says_where_it_would_be(root):
    listing = read_folder(root / "nowhere")
    assert (listing.is_present, [each.path for each in listing.stamps]) == (False, [str(root / "nowhere")])


def test_a_folder_of_somebody_else_below_it_is_said_to_be_one():
    with public_folder() as root:
        write(root / "theirs" / "big-Q4_K_M.gguf", 300)
        write(root / "open-Q8_0.gguf", 7)
        configure(root, "big", parameters={"model": "theirs/big-Q4_K_M.gguf"})
        configure(root, "gone", parameters={"model": "nowhere/gone-Q4_K_M.gguf"})

        def look():
            found = read_folder(root)
            return [{each.reference: each.state for each in found.models}, found.unreadable]

        assert look()[1] == ""
        (root / "theirs").chmod(0o000)
        states = {"big": "ready", "gone": "damaged", "open-Q8_0.gguf": "ready"}
        try:
            assert as_somebody_else(look) == [states, str(root / "theirs")]
        finally:
            (root / "theirs").chmod(0o755)
