"""The `papin` script: one frontend, chosen by name, and an answer whatever goes wrong before it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import papin as core
from papin.errors import ConfigInvalid
from papin.launch import choose

FRONTEND = """
import sys
from papin.frontends import Frontend
from papin.hookspecs import hookimpl

def main(launch):
    {body}

@hookimpl
def papin_frontends():
    yield Frontend(name={name!r}, summary="s", main=main)
"""

ECHO = "print({name!r}, launch.program, *launch.arguments); return 7"


@pytest.mark.parametrize(
    ("arguments", "variable", "name", "left"),
    [
        ("", "", "cli", ""),
        ("models list", "", "cli", "models list"),
        ("--help", "", "cli", "--help"),
        ("tui", "", "tui", ""),
        ("tui --theme dark", "", "tui", "--theme dark"),
        ("serve --port 1", "", "http", "--port 1"),
        ("--frontend acme x", "", "acme", "x"),
        ("--frontend=acme x", "", "acme", "x"),
        ("--frontend cli serve", "", "cli", "serve"),
        ("models list", "acme", "acme", "models list"),
        ("serve", "acme", "http", ""),
        ("--frontend cli x", "acme", "cli", "x"),
        ("run m --frontend x", "", "cli", "run m --frontend x"),
        ("run tui", "", "cli", "run tui"),
    ],
)
def test_the_first_argument_or_the_variable_chooses(arguments, variable, name, left):
    environ = {"PAPIN_FRONTEND": variable} if variable else {}
    assert choose(arguments.split(), environ) == (name, tuple(left.split()))


@pytest.mark.parametrize("arguments", [["--frontend"], ["--frontend="], ["--frontend", ""]])
def test_a_frontend_without_a_name_is_a_usage_error(arguments):
    with pytest.raises(ConfigInvalid) as caught:
        choose(arguments, {})
    assert caught.value.next_step


class Program:
    """Runs `papin` with the plugins of a folder before those that are installed."""

    def __init__(self, site, *, flags=(), path=()):
        self._site = site
        self._flags = flags
        self.environ = {**os.environ, "PYTHONPATH": os.pathsep.join([site.folder, *map(str, path)])}

    def frontend(self, name, body=ECHO, **options):
        return self._site.install(name, source=FRONTEND.format(name=name, body=body.format(name=name)), **options)

    def command(self, *arguments):
        return [
            sys.executable,
            *self._flags,
            "-c",
            "import sys; from papin.launch import main; sys.exit(main())",
            *arguments,
        ]

    def __call__(self, *arguments, **environ):
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture
def papin(site):
    return Program(site)


@pytest.fixture
def alone(site, tmp_path):
    """The program where only core is installed and what it needs, whichever plugins this environment has."""
    bare = tmp_path / "bare"
    bare.mkdir()
    for each in Path(sysconfig.get_path("purelib")).iterdir():
        if not each.name.startswith(("papin", "__")):
            (bare / each.name).symlink_to(each)
    # Without `site` nothing of the environment is seen but what is named here.
    return Program(site, flags=["-S"], path=[bare, Path(core.__file__).parents[1]])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--frontend", "acme", "a", "b c"], "acme papin a b c\n"),
        (["tui", "--x"], "tui papin --x\n"),
        (["--frontend=acme"], "acme papin\n"),
    ],
)
def test_it_runs_the_frontend_and_returns_its_status(alone, arguments, said):
    alone.frontend("acme")
    alone.frontend("tui")
    done = alone(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (7, said, "")


def test_the_variable_chooses(papin):
    papin.frontend("acme")
    assert papin("x", PAPIN_FRONTEND="acme").stdout == "acme papin x\n"


def test_only_the_chosen_plugin_is_imported_and_nothing_heavy(papin, site):
    other = papin.frontend("other")
    site.install("broken", source="raise SystemExit")
    unwanted = ["trio", "httpx", "msgspec", "psutil", "platformdirs", "tomllib", "asyncio", other]
    papin.frontend("acme", f"print([each for each in {unwanted} if each in sys.modules]); return 0")
    done = papin("--frontend", "acme")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


@pytest.mark.parametrize(
    ("arguments", "package"),
    [
        (["tui"], "papin-tui"),
        (["serve"], "papin-http"),
        (["models", "list"], "papin-cli"),
    ],
)
def test_a_missing_frontend_names_the_package(alone, arguments, package):
    done = alone(*arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[0].startswith("ERR_PLUGIN  ")
    assert done.stderr.splitlines()[1] == f"Next: Type: pip install {package}"


def test_nobody_is_sent_to_a_package_of_a_mistyped_name(alone):
    done = alone("--frontend", "tiu")
    assert done.returncode == 1
    assert done.stderr.splitlines()[1] == "Next: papin plugins list shows which frontends there are."


def test_a_broken_frontend_says_why_and_what_to_do(papin, site):
    site.install("acme", distribution="papin-acme", source="import nowhere_at_all")
    done = papin("--frontend", "acme")
    assert done.returncode == 1
    assert done.stderr == (
        "ERR_PLUGIN  Plugin problem: Plugin acme (papin-acme 1.0) could not be imported: ModuleNotFoundError: No module named 'nowhere_at_all'\n"
        "Next: Install it again: pip install --force-reinstall papin-acme\n"
    )


def test_a_usage_error_is_2(papin):
    done = papin("--frontend")
    assert done.returncode == 2
    assert (
        done.stderr == "ERR_CONFIG  Invalid configuration: --frontend needs a name\nNext: Type: papin --frontend cli\n"
    )


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (
            "from papin.errors import DiskSpace; raise DiskSpace('full', next_step='Make room.')",
            1,
            "ERR_DISK_SPACE  Insufficient disk space: full\nNext: Make room.\n",
        ),
        (
            "from papin.errors import NotFound; raise ExceptionGroup('a nursery', [NotFound('nothing')])",
            1,
            "ERR_NOT_FOUND  Not found: nothing\n",
        ),
        ("from papin.errors import NotFound; raise NotFound('nothing')", 1, "ERR_NOT_FOUND  Not found: nothing\n"),
        (
            "from papin.errors import ConfigInvalid; raise ConfigInvalid('bad')",
            2,
            "ERR_CONFIG  Invalid configuration: bad\n",
        ),
        ("raise KeyboardInterrupt", 130, ""),
        ("raise BrokenPipeError", 1, ""),
        ("raise SystemExit(3)", 3, ""),
    ],
)
def test_what_a_frontend_lets_through_is_shown(papin, body, status, said):
    papin.frontend("acme", body)
    done = papin("--frontend", "acme")
    assert (done.returncode, done.stdout, done.stderr) == (status, "", said)


def test_a_bug_is_a_bug(papin):
    papin.frontend("acme", "raise ZeroDivisionError")
    done = papin("--frontend", "acme")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr


def test_ctrl_c_is_130(papin):
    papin.frontend("acme", "import threading; print('here', flush=True); threading.Event().wait()")
    with subprocess.Popen(
        papin.command("--frontend", "acme"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=papin.environ
    ) as child:
        assert child.stdout.readline() == b"here\n"
        child.send_signal(signal.SIGINT)
        _, error = child.communicate()
    assert (child.returncode, error) == (130, b"")


@pytest.mark.parametrize("lines", [1, 100_000])
def test_nobody_reading_is_no_error_to_shout_about(papin, lines):
    papin.frontend("acme", "sys.stdin.read(); print('line\\n' * int(launch.arguments[0])); return 0")
    with subprocess.Popen(
        papin.command("--frontend", "acme", str(lines)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=papin.environ,
    ) as child:
        child.stdout.close()
        child.stdin.close()
        assert child.stderr.read() == b""
    assert child.returncode == 1


def test_a_closed_output_is_no_error(papin):
    papin.frontend("acme", "return 0")
    shell = ["sh", "-c", '"$@" >&-', "sh", *papin.command("--frontend", "acme")]
    done = subprocess.run(shell, stderr=subprocess.PIPE, env=papin.environ, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("status", [0, 3])
def test_the_script_ends_with_the_status_after_all_that_was_written(papin, status):
    papin.frontend("acme", body=f"sys.stdout.write('out' * 9999); sys.stderr.write('err'); return {status}")
    code = "import sys; from papin.launch import script; sys.exit(script())"
    command = [sys.executable, "-c", code, "--frontend", "acme"]
    done = subprocess.run(command, capture_output=True, text=True, env=papin.environ)
    assert (done.returncode, done.stdout, done.stderr) == (status, "out" * 9999, "err")
