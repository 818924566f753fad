"""Models of other programs at the command line, with a provider that is a folder."""

import json
import os
import shutil
import signal

import pytest

from papin.testing.samples import HYPERPARAMETERS, tiny_gguf


class Folder:
    """The provider `folder`, installed beside what is, and the settings that it is run with."""

    def __init__(self, papin, home, root):
        self.models = root / "folder-models"
        self._config = home / "config.toml"
        for each in (self.models, home):
            each.mkdir(exist_ok=True)
        info = root / "site" / "papin_folder-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: papin-folder\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[papin]\nfolder = folder_of_a_test\n")
        source = "from papin.testing.folder_provider import papin_providers\n"
        (root / "site" / "folder_of_a_test.py").write_text(source)
        papin.environ["PYTHONPATH"] = str(root / "site")
        self.behave("good")

    def behave(self, behaviour):
        text = f'[providers.folder]\npath = "{self.models}"\nbehaviour = "{behaviour}"\n'
        self._config.write_text(text)


@pytest.fixture
def folder(papin, home, tmp_path):
    return Folder(papin, home, tmp_path)


def listed(papin):
    return {each["id"]: each for each in json.loads(papin("models", "list", "--json").stdout)}


def test_sharing_taking_over_and_taking_back(papin, folder, tiny, home):
    papin("models", "import", tiny, "--name", "mine")
    said = papin("models", "share", "mine", "--with", "folder").stdout
    assert "folder has mine as mine" in said
    assert "folder" in papin("models", "list").stdout
    assert papin("run", "mine", "hello", "--provider", "folder").stdout.startswith("user:hello")
    assert papin("models", "unload", "mine").stdout == "mine is unloaded.\n"
    papin("models", "unshare", "mine", "--from", "folder")
    assert not list(folder.models.glob("*.gguf"))
    shutil.copyfile(tiny, folder.models / "theirs.gguf")
    assert set(listed(papin)) == {"mine", "folder:theirs"}, "nobody knows yet that they are the same"
    assert "has not shared" in papin("models", "unshare", "mine", "--from", "folder", status=1).stderr


def test_a_download_that_is_shared_at_once_is_told_in_lines(papin, folder, tiny):
    text = papin("models", "download", tiny, "--name", "mine", "--with", "folder", "--json").stdout
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(len(line) == 1 for line in lines)
    before, shared = (line["model"] for line in lines if "model" in line)
    assert (before["placements"], [each["provider"] for each in shared["placements"]]) == ([], ["folder"])


def test_a_model_of_another_program_is_run_set_verified_and_removed(papin, folder):
    (folder.models / "theirs.gguf").write_bytes(tiny_gguf(numbers=HYPERPARAMETERS))
    assert "folder:theirs" in papin("models", "list").stdout
    papin("models", "settings", "theirs", "system_prompt=be brief", "temperature=0.5")
    table = papin("models", "settings", "theirs").stdout
    assert "saved here" in table
    assert papin("run", "theirs", "hello").stdout.startswith("system:be brief user:hello")
    assert papin("models", "complete", "theirs", "once upon").stdout.strip() == "once upon"
    assert papin("models", "embed", "theirs", "abc").stdout == "2 numbers: [3.0000, 1.0000]\n"
    assert "The model is fine." in papin("models", "verify", "theirs").stdout
    refused = papin("models", "remove", "folder:theirs", "--yes", status=1)
    assert "papin models unload folder:theirs" in refused.stderr
    plan = json.loads(papin("models", "remove", "folder:theirs", "--dry-run", "--json").stdout)
    assert plan["owner"] == "folder"
    papin("models", "remove", "folder:theirs", "--yes", "--force")
    assert listed(papin) == {}


def test_taking_over_stores_nothing_again(papin, folder, tiny, home):
    shutil.copyfile(tiny, folder.models / "theirs.gguf")
    papin("models", "import", "--from", "folder", "theirs", "--name", "mine")
    (model,) = listed(papin).values()
    assert (model["id"], model["duplicated"]) == ("mine", 0)
    assert [each["provider"] for each in model["placements"]] == ["folder"]
    (blob,) = [each for each in (home / "data/storages/store/blobs").rglob("*") if each.is_file()]
    assert os.path.samestat(blob.stat(), (folder.models / "theirs.gguf").stat()) or blob.stat().st_nlink == 1


def test_a_share_that_is_killed_is_finished_by_the_next_command(papin, folder, tiny):
    papin("models", "import", tiny, "--name", "mine")
    folder.behave("hangs-sharing")
    child = papin.start("models", "share", "mine", "--with", "folder")
    assert child.stderr.readline() == "linked, and hanging\n"
    child.send_signal(signal.SIGKILL)
    child.communicate()
    folder.behave("good")
    papin("providers", "refresh", "folder")
    (model,) = listed(papin).values()
    assert [(each["provider"], each["reference"]) for each in model["placements"]] == [("folder", "mine")]
    assert model["placements"][0]["how"] in {"reflink", "hardlink"}
    papin("models", "unshare", "mine", "--from", "folder")
    assert not list(folder.models.glob("*.gguf"))


def test_a_share_that_is_interrupted_leaves_nothing(papin, folder, tiny):
    papin("models", "import", tiny, "--name", "mine")
    folder.behave("hangs-sharing")
    child = papin.start("models", "share", "mine", "--with", "folder")
    assert child.stderr.readline() == "linked, and hanging\n"
    child.send_signal(signal.SIGINT)
    child.communicate()
    assert child.returncode == 130
    assert not list(folder.models.glob("*.gguf"))
    folder.behave("good")
    (model,) = listed(papin).values()
    assert model["placements"] == []


@pytest.mark.parametrize("behaviour", ["hangs", "lies"])
def test_a_provider_that_misbehaves_loses_nothing_and_stops_nobody(papin, folder, tiny, behaviour):
    shutil.copyfile(tiny, folder.models / "theirs.gguf")
    papin("models", "list")
    folder.behave(behaviour)
    done = papin("models", "list", "--refresh")
    assert "folder:theirs" in done.stdout
    assert "folder: ERR_" in done.stderr
    assert "folder:theirs" in papin("models", "list").stdout
    assert "folder" in papin("providers", "list").stdout
