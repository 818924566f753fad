"""Where the user's tokens are looked for and kept, with real files and a keyring that is a small module of ours."""

import json
import os
import stat
import sys

import pytest

from papin.credentials import Credential, Credentials, open_credentials
from papin.errors import AddressUnsafe, ConfigInvalid, Conflict, NameInvalid, NotFound, PapinError

HF = "https://huggingface.co"
# As the package `keyring` is to its callers, and the backend in which nothing can be kept.
KEYRING = """
from pathlib import Path
import json
STORE = Path(__file__).with_name("kept.json")
class Backend:
    priority = {priority}
def get_keyring():
    return Backend()
def _read():
    return json.loads(STORE.read_text()) if STORE.exists() else {{}}
def get_password(service, name):
    return _read().get(service + " " + name)
def set_password(service, name, token):
    if Path(__file__).with_name("locked").exists():
        from keyring.errors import KeyringError
        raise KeyringError("locked")
    STORE.write_text(json.dumps(_read() | {{service + " " + name: token}}))
def delete_password(service, name):
    kept = _read()
    del kept[service + " " + name]
    STORE.write_text(json.dumps(kept))
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "config" / "tokens.json"


@pytest.fixture
def make(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)  # not installed

    def make(**environ):
        return Credentials(file, environ)

    return make


@pytest.fixture
def keyring(tmp_path, monkeypatch):
    """Install a keyring of that priority; return its folder."""

    def install(priority=5):
        folder = tmp_path / "site" / "keyring"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(KEYRING.format(priority=priority))
        (folder / "errors.py").write_text("class KeyringError(Exception): pass\n")
        for name in ("keyring", "keyring.errors"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.syspath_prepend(str(folder.parent))
        return folder

    yield install
    for name in ("keyring", "keyring.errors"):
        sys.modules.pop(name, None)


def test_without_anything_there_is_no_token(make, file):
    assert make().find(HF) == ""
    assert make().list() == ()
    assert not file.exists()


@pytest.mark.parametrize(
    ("variable", "origin"),
    [
        ("HF_TOKEN", HF),
        ("HUGGING_FACE_HUB_TOKEN", HF),
        ("PAPIN_TOKEN_huggingface_co", HF),
        ("PAPIN_TOKEN_EXAMPLE_ORG", "https://example.org"),
        ("PAPIN_TOKEN_models_my__company_com", "https://models.my-company.com"),
        ("PAPIN_TOKEN_a____b_c", "https://a--b.c"),
    ],
)
def test_a_variable_is_for_one_origin(make, variable, origin):
    credentials = make(**{variable: " secret \n"})
    assert credentials.list() == (Credential(origin=origin, source=variable),)
    assert credentials.find(origin) == "secret"
    for other in (origin.replace("https", "http"), f"{origin}:8443", f"https://x.{origin[8:]}", f"{origin}.evil"):
        assert credentials.find(other) == ""


def test_two_hosts_are_never_written_alike(make):
    credentials = make(PAPIN_TOKEN_my_host_org="secret")
    assert credentials.find("https://my.host.org") == "secret"
    assert credentials.find("https://my-host.org") == ""


def test_papins_own_variable_goes_before_that_of_others_and_both_before_what_was_saved(make):
    make().save("huggingface.co", "saved")
    both = {"HF_TOKEN": "theirs", "PAPIN_TOKEN_huggingface_co": "ours"}
    assert make(**both).find(HF) == "ours"
    assert make(HF_TOKEN="theirs").find(HF) == "theirs"
    assert make(HF_TOKEN="").find(HF) == "saved"


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "späce", "x" * 9000, "\x00"])
def test_what_is_no_token_is_refused_and_not_quoted(make, token):
    with pytest.raises(ConfigInvalid) as caught:
        make(HF_TOKEN=token).find(HF)
    assert token not in str(caught.value)
    assert "HF_TOKEN" in caught.value.message
    with pytest.raises(NameInvalid) as refused:
        make().save("huggingface.co", token)
    assert token not in str(refused.value)


@pytest.mark.parametrize("token", ["", "  \n"])
def test_no_token_is_refused(make, token):
    with pytest.raises(NameInvalid, match="no token was given"):
        make().save("huggingface.co", token)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_file_is_for_its_user_alone_whatever_the_umask(make, file, umask):
    before = os.umask(umask)
    try:
        assert make().save("HuggingFace.co", "secret") == Credential(origin=HF, source="file")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert make().find(HF) == "secret"
    assert make().list() == (Credential(origin=HF, source="file"),)


@pytest.mark.parametrize(
    ("server", "origin"),
    [
        ("example.org:8443", "https://example.org:8443"),
        ("https://example.org/some/model.gguf?x=1", "https://example.org"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/x", "http://[::1]:8080"),
    ],
)
def test_a_token_is_kept_for_an_origin(make, server, origin):
    assert make().save(server, "secret").origin == origin
    assert make().find(origin) == "secret"
    assert make().remove(server).origin == origin
    assert make().find(origin) == ""


@pytest.mark.parametrize("server", ["http://example.org", "ftp://example.org", "a b", "user@example.org", "", "1.2.3"])
def test_a_server_that_cannot_have_one(make, file, server):
    with pytest.raises((NameInvalid, AddressUnsafe)) as caught:
        make().save(server, "secret")
    assert caught.value.next_step
    assert not file.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_read_is_refused(make, file, mode):
    make().save(HF, "secret")
    file.chmod(mode)
    for act in (lambda: make().find(HF), make().list, lambda: make().save(HF, "x"), lambda: make().remove(HF)):
        with pytest.raises(ConfigInvalid, match="other users can read") as caught:
            act()
        assert f"chmod 600 {file}" in caught.value.next_step
    assert make(HF_TOKEN="mine").find(HF) == "mine"


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"https://x": 5}', b'{"https://x": "canary word"}', b"\xff"])
def test_a_file_that_is_broken_is_told_and_not_quoted(make, file, content):
    file.parent.mkdir()
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(PapinError) as caught:
        make().find("https://x")
    assert caught.value.code == "ERR_CONFIG"
    assert "canary" not in str(caught.value)
    assert str(file) in caught.value.message


def test_what_is_no_file_is_told(make, file):
    file.mkdir(parents=True)
    with pytest.raises(ConfigInvalid):
        make().find(HF)


def test_what_was_never_kept_cannot_be_removed(make):
    with pytest.raises(NotFound):
        make().remove(HF)
    with pytest.raises(Conflict, match="HF_TOKEN") as caught:
        make(HF_TOKEN="x").remove(HF)
    assert caught.value.next_step == "Type: unset HF_TOKEN"


def test_a_keyring_keeps_it_instead_of_the_file(file, keyring):
    folder = keyring()
    credentials = Credentials(file, {})
    assert credentials.save(HF, "secret") == Credential(origin=HF, source="keyring")
    assert json.loads(file.read_bytes()) == {HF: None}
    assert json.loads((folder / "kept.json").read_text()) == {f"papin {HF}": "secret"}
    assert credentials.find(HF) == "secret"
    assert credentials.list() == (Credential(origin=HF, source="keyring"),)
    assert credentials.remove(HF).source == "keyring"
    assert json.loads((folder / "kept.json").read_text()) == {}


def test_a_keyring_that_is_gone_has_nothing(file, keyring, monkeypatch):
    keyring()
    Credentials(file, {}).save(HF, "secret")
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert Credentials(file, {}).find(HF) == ""


def test_a_keyring_that_refuses_or_can_keep_nothing_is_no_keyring(file, keyring):
    folder = keyring()
    (folder / "locked").touch()
    assert Credentials(file, {}).save(HF, "secret").source == "file"
    assert Credentials(file, {}).find(HF) == "secret"


def test_the_backend_that_only_fails_is_no_keyring(file, keyring):
    keyring(priority=0)
    assert Credentials(file, {}).save(HF, "secret").source == "file"


def test_the_keyring_is_asked_only_for_what_was_kept_in_it(file, keyring):
    keyring()
    Credentials(file, {}).find(HF)
    assert "keyring" not in sys.modules


def test_the_file_is_beside_the_configuration(tmp_path):
    open_credentials({"PAPIN_HOME": str(tmp_path)}).save("127.0.0.1:99", "secret")
    assert (tmp_path / "tokens.json").exists()
