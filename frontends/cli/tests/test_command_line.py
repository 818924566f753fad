"""What needs no kernel: help, usage, exit statuses, what is imported, completion."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from papin_cli._root import root

from .conftest import PAPIN

README = Path(__file__).parents[1] / "README.md"

COMMANDS = [
    "run",
    "models list",
    "models search",
    "models browse",
    "models show",
    "models download",
    "models import",
    "models verify",
    "models measure",
    "models repair",
    "models update",
    "models rollback",
    "models remove",
    "models load",
    "models unload",
    "models edit",
    "models recommend",
    "models settings",
    "models share",
    "models unshare",
    "models copy",
    "models rename",
    "models complete",
    "models embed",
    "downloads list",
    "downloads watch",
    "downloads limit",
    "downloads pause",
    "downloads resume",
    "downloads cancel",
    "providers list",
    "providers show",
    "providers refresh",
    "catalogs list",
    "catalogs refresh",
    "catalogs add",
    "catalogs remove",
    "plugins list",
    "storage show",
    "storage cleanup",
    "storage dedupe",
    "config show",
    "config path",
    "config set",
    "events",
    "login",
    "logout",
    "completion",
]
HEAVY = {"trio", "pluggy", "httpx", "rich", "prompt_toolkit", "platformdirs", "psutil", "tomlkit"}


def imported(papin, *arguments):
    """Return the top-level modules that a command imports."""
    code = (
        "import sys; from papin.launch import main; sys.argv = ['papin', *sys.argv[1:]]\n"
        "try: main()\nfinally: print('MODULES', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=papin.environ, check=False
    )
    return set(done.stdout.rpartition("MODULES")[2].split())


@pytest.mark.parametrize("arguments", [["--help"], ["models", "list"], ["models", "download", "--help"], ["events"]])
def test_what_only_reads_imports_nothing_heavy(papin, arguments):
    papin("models", "list")  # the first list asks all providers what they have; from then on it is recorded
    found = imported(papin, *arguments)
    assert found >= {"papin", "papin_cli"}
    assert not found & HEAVY
    assert ("click" in found) == (arguments != ["models", "list"]), "nothing to parse"
    assert {name for name in found if name.startswith("papin_")} == {"papin_cli"}


def test_help_lists_every_command_with_examples(papin):
    for option in ("--help", "-h"):
        result = papin(option)
        assert result.status == 0
        assert 'papin run smollm2 "Why is the sky blue?"' in result.out
        assert all(command.split()[0] in result.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command):
    result = CliRunner().invoke(root, [*command.split(), "-h"], prog_name="papin")
    assert result.exit_code == 0
    assert f"papin {command}" in result.output.partition("Examples:")[2]
    assert "--json" in result.output or command == "completion"


def commands(group, path=""):
    """Every command that is not a group, by what is typed for it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        inner = isinstance(command, click.Group)
        yield from commands(command, f"{path}{name} ") if inner else [(f"{path}{name}", command)]


EVERY = dict(commands(root))


def test_the_list_of_commands_is_complete():
    assert set(COMMANDS) == set(EVERY)


@pytest.mark.parametrize("command", [name for name in EVERY if name != "completion"])
def test_the_json_of_every_command_is_documented(command):
    section = README.read_text().partition("## JSON")[2].partition("## Exit status")[0]
    assert re.search(rf"`{command}( [^`]*)?`", section)


@pytest.mark.parametrize("command", EVERY)
def test_help_says_what_is_wanted_and_not_which_type(command):
    text = CliRunner().invoke(root, [*command.split(), "--help"], prog_name="papin").output
    found = re.findall(r"^ +(?:-\w, )?(--[\w-]+) (TEXT|FLOAT|INTEGER)", text, re.MULTILINE)
    assert {option for option, _ in found} <= {"--system"}


def test_version(papin):
    result = papin("--version")
    assert re.fullmatch(r"papin \d+\.\d+\.\d+\n", result.out)
    assert result.status == 0


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["modles"], "Did you mean models?"),
        (["models", "lst"], "Did you mean list?"),
        (["--nonsense"], "No such option"),
        (["models", "show"], "Missing argument"),
        (["models", "download"], "Give a REF, or --resume ID"),
        (["models", "download", "x", "--resume", "y"], "--resume"),
        (["models", "edit", "x", "--set", "n_ctx"], "KEY=VALUE"),
        (["downloads", "limit", "fast"], "like 5MB"),
        (["downloads", "limit", "0"], "like 5MB"),
        (["downloads", "limit", "4f2a", "5MB", "x"], "[JOB] RATE"),
        (["run"], "Missing argument"),
        (["run", "smollm2"], "There is nothing to ask"),
        (["run", "smollm2", "hi", "--temperature", "-1"], "--temperature"),
        (["run", "smollm2", "hi", "--max-tokens", "0"], "--max-tokens"),
    ],
)
def test_wrong_usage_is_2(papin, arguments, hint):
    result = papin(*arguments)
    assert result.status == 2
    assert hint in result.err
    assert "Traceback" not in result.err
    assert result.out == ""


def test_an_empty_machine(papin):
    result = papin("models", "list")
    assert (result.status, result.err) == (0, "")
    assert "papin run smollm2" in result.out
    assert papin("models", "list", "--json").json() == []
    assert papin("--json", "downloads", "list").json() == []
    assert papin("events").out == ""


def test_an_expected_error_is_1_with_its_code(papin):
    result = papin("models", "show", "nothing")
    assert result.status == 1
    assert result.err.startswith("ERR_NOT_FOUND  Not found: ")
    assert "\nNext: " in result.err
    assert result.out == ""


def test_an_expected_error_as_json(papin):
    result = papin("models", "show", "nothing", "--json")
    assert result.status == 1
    assert result.err == ""
    assert result.json()["error"].keys() == {"code", "title", "message", "next_step"}
    assert result.json()["error"]["code"] == "ERR_NOT_FOUND"


def test_a_hostile_argument_is_shown_harmlessly(papin):
    result = papin("models", "show", "a\x1b[2Jb\N{RIGHT-TO-LEFT OVERRIDE}")
    assert result.status == 1
    assert "\x1b" not in result.err
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in result.err


def test_a_wrong_configuration_is_2(papin):
    papin.home.mkdir()
    (papin.home / "config.toml").write_text("offline = maybe\n")
    result = papin("config", "show")
    assert result.status == 2
    assert "ERR_CONFIG" in result.err
    assert "config.toml" in result.err
    assert papin("config", "path").status == 0


def test_a_setting_is_set_and_shown(papin):
    result = papin("config", "set", "providers.llamacpp.keep_alive", "700")
    assert (result.status, result.err) == (0, "")
    rows = {row["key"]: row for row in papin("config", "show", "--json").json()}
    assert rows["providers.llamacpp.keep_alive"] | {"value": 700.0} == {
        "key": "providers.llamacpp.keep_alive",
        "value": 700.0,
        "source": "file",
    }
    assert rows["offline"] == {"key": "offline", "value": False, "source": "default"}
    assert papin("config", "set", "providers.llamacpp.keep_alve", "7").status == 2
    assert papin("config", "path", "--json").json() == {"path": str(papin.home / "config.toml"), "exists": True}


def test_a_secret_setting_is_read_from_stdin_and_never_shown(papin):
    for options in ((), ("--json",)):
        result = papin("config", "set", "providers.ollama.key", "-", *options, stdin="s3cret\n")
        assert (result.status, "s3cret" in result.out + result.err) == (0, False)
    assert "s3cret" in (papin.home / "config.toml").read_text()
    assert "s3cret" not in papin("config", "show").out


def test_a_reader_that_goes_away_is_no_error(papin):
    child = papin.start("completion", "bash")
    child.stdout.close()
    error = child.stderr.read()
    child.stderr.close()
    assert child.wait() == 141
    assert error == b""


@pytest.mark.parametrize("arguments", [["models", "list"], ["config", "show", "--json"], ["models", "-h"]])
@pytest.mark.parametrize(("shell", "status"), [("{} >&-", 0), ("{} 2>&-", 0), ("{} >/dev/full", 1)])
def test_a_stream_that_is_closed_or_full_is_no_bug(papin, arguments, shell, status):
    line = shell.format(" ".join([str(PAPIN), *arguments]))
    done = subprocess.run(["sh", "-c", line], env=papin.environ, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (status, False), done.stderr
    if status:
        assert done.stderr.splitlines()[0] == (
            "ERR_STORAGE  Storage problem: the output cannot be written: No space left on device"
        )


@pytest.mark.parametrize("environ", [{}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}])
def test_a_terminal_without_unicode_is_no_error(papin, environ):
    result = papin("models", "show", "größe", **environ)
    assert result.status == 1
    assert "Traceback" not in result.err


# --- completion ---


def complete(papin, *words, begun=None):
    return papin(
        COMP_LINE=" ".join(["papin", *words]),
        COMP_BEGUN=words[-1] if begun is None else begun,
        _PAPIN_COMPLETE="bash_complete",
    ).out.split()


def test_completion_knows_commands_and_options(papin):
    assert complete(papin, "mod") == ["plain,models"]
    assert "plain,verify" in complete(papin, "models", "")
    assert "plain,--json" in complete(papin, "models", "list", "--")


def test_completion_without_a_registry_or_with_a_broken_one_is_silent(papin):
    assert complete(papin, "models", "show", "") == []
    (papin.home / "data").mkdir(parents=True)
    (papin.home / "data" / "registry.db").write_bytes(b"no database" * 1000)
    assert complete(papin, "models", "show", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(papin, shell):
    result = papin("completion", shell)
    assert result.status == 0
    assert "_PAPIN_COMPLETE" in result.out


def test_completion_of_rows_tasks_keys_and_files(papin):
    assert complete(papin, "models", "browse", "re") == ["plain,recommended", "plain,recent", "plain,reasoning"]
    assert complete(papin, "models", "browse", "recommended", "--task", "v") == ["plain,vision"]
    assert complete(papin, "config", "set", "off") == ["plain,offline"]
    assert complete(papin, "models", "import", "/et") == ["file,/et"]
    assert complete(papin, "models", "search", "li") == ["plain,license:"]


def test_of_a_word_with_colons_what_the_shell_replaces_is_completed(papin):
    assert complete(papin, "models", "search", "fits:y", begun="y") == ["plain,yes"]
    assert complete(papin, "models", "search", "lake", "fits:", begun="") == ["plain,yes", "plain,no"]
    assert complete(papin, "models", "search", "'fits:y", begun="fits:y") == ["plain,fits:yes"]


@pytest.mark.parametrize(
    ("line", "begun", "expected"),
    [
        ("papin models ver", "ver", "verify"),
        ("papin models search fits:y", "y", "yes"),
        ("papin conf", "conf", "config"),
    ],
)
def test_the_script_works_in_bash(papin, line, begun, expected):
    script = papin("completion", "bash").out
    ask = 'COMP_LINE="$1"; COMP_POINT=${#1}; _papin_completion papin "$2"; echo "${COMPREPLY[@]}"'
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{ask}", "bash", line, begun],
        capture_output=True,
        text=True,
        check=True,
        env=papin.environ | {"PATH": path},
    )
    assert done.stdout.strip() == expected
