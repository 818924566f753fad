"""Where Ollama is, by its own environment variables."""

from pathlib import Path

import pytest

from papin_ollama._environment import address, folders


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        (":8080", "http://127.0.0.1:8080"),
        ("[::]:8080", "http://[::1]:8080"),
        ("::", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("gpu-box", "http://gpu-box:11434"),
        ("gpu-box:80", "http://gpu-box:80"),
        ("http://gpu-box", "http://gpu-box:80"),
        ("https://gpu-box", "https://gpu-box:443"),
        ("https://gpu-box:8443/ollama/", "https://gpu-box:8443/ollama"),
        ("HTTPS://gpu-box/a/b", "https://gpu-box:443/a/b"),
        ("gpu-box/ollama", "http://gpu-box:11434/ollama"),
        (" 'gpu-box:1' ", "http://gpu-box:1"),
        ("gpu-box:99999", "http://gpu-box:11434"),
        ("gpu-box:x", "http://gpu-box:11434"),
        ("192.168.1.7", "http://192.168.1.7:11434"),
    ],
)
def test_every_form_of_ollama_host(host, expected):
    assert address(host) == expected


def test_the_folder_that_is_named_is_the_only_one():
    assert folders({"OLLAMA_MODELS": "/data/ollama", "HOME": "/home/me"}) == (Path("/data/ollama"),)


def test_the_folders_of_the_user_and_of_services():
    found = folders({"HOME": "/home/me"})
    assert found[0] == Path("/home/me/.ollama/models")
    assert Path("/usr/share/ollama/.ollama/models") in found
    assert folders({"USERPROFILE": "/users/me"})[0] == Path("/users/me/.ollama/models")
