"""Models of other programs, through the whole of papin: listed, noticed, taken over by a link, left as they were."""

import msgspec
import pytest

from papin.testing.samples import tiny_gguf

CONFIG = """
[providers.lmstudio]
folder = "{0}/lmstudio"
url = "http://127.0.0.1:1"

[providers.huggingface-cache]
folder = "{0}/hub"
"""


@pytest.fixture
def others(tmp_path, home):
    """Return the folder of the other programs, which papin is told of."""
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(CONFIG.format(tmp_path / "others"))
    folder = tmp_path / "others"
    put(folder / "lmstudio/p/Toy-7B-GGUF/toy-7B-Q4_0.gguf", 1)
    hub = folder / "hub/models--o--r"
    blob = put(hub / "blobs" / ("b" * 64), 2)
    snapshot = hub / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "m-Q8_0.gguf").symlink_to(blob)
    return folder


def put(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tiny_gguf(seed))
    return path


def listed(papin):
    return {each["id"] for each in msgspec.json.decode(papin("models", "list", "--json").stdout)}


TOY = "lmstudio:p/Toy-7B-GGUF/toy-7B-Q4_0.gguf"


def test_they_are_listed_and_what_changes_is_noticed(papin, others):
    assert listed(papin) == {TOY, "huggingface-cache:o/r:Q8_0"}
    put(others / "lmstudio/p/Toy-7B-GGUF/toy-7B-Q6_K.gguf.part", 3)
    assert len(listed(papin)) == 2
    (others / "lmstudio/p/Toy-7B-GGUF/toy-7B-Q6_K.gguf.part").rename(others / "lmstudio/p/Toy-7B-GGUF/toy-7B-Q6_K.gguf")
    assert len(listed(papin)) == 3
    (others / "lmstudio/p/Toy-7B-GGUF/toy-7B-Q4_0.gguf").unlink()
    assert TOY not in listed(papin)


def test_one_is_taken_over_by_a_link_and_none_is_touched(papin, others):
    weights = others / "lmstudio/p/Toy-7B-GGUF/toy-7B-Q4_0.gguf"
    before = weights.read_bytes()
    assert listed(papin) >= {TOY}
    papin("models", "import", "--from", "lmstudio", TOY.removeprefix("lmstudio:"), "--name", "mine")
    assert "mine" in listed(papin)
    assert weights.stat().st_nlink > 1 or weights.read_bytes() == before
    refused = papin("models", "remove", "huggingface-cache:o/r:Q8_0", "--yes", status=1)
    assert "papin reads what Hugging Face's cache keeps, and changes nothing there" in refused.stderr
    assert (others / "hub/models--o--r/blobs" / ("b" * 64)).exists()
    papin("models", "remove", "mine", "--yes")
    assert weights.read_bytes() == before
