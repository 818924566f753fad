"""`papin tui` as a program: on a terminal, without one, and ended from outside."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from papin import config
from papin.testing.terminal import Terminal

PAPIN = Path(sys.executable).with_name("papin")
ALTERNATE, BACK = "\x1b[?1049h", "\x1b[?1049l"


@pytest.fixture
def terminal():
    opened = []

    def open_one(*arguments):
        environ = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        opened.append(Terminal([PAPIN, "tui", *arguments], environ))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


def test_it_draws_and_q_gives_the_terminal_back(terminal):
    screen = terminal("--offline")
    screen.until("No models are here")
    screen.type("q")
    assert screen.end() == 0
    assert screen.shown.count(ALTERNATE) == screen.shown.count(BACK) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back(terminal, number):
    screen = terminal("--offline")
    screen.until("No models are here")
    screen.child.send_signal(number)
    screen.end()
    assert BACK in screen.shown


def test_a_wrong_configuration_is_told_and_the_screen_is_not_taken(terminal):
    file = config.find_file(os.environ)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("[core]\noffline = 7\n")
    screen = terminal()
    assert screen.end() == 2
    assert "ERR_CONFIG" in screen.shown
    assert ALTERNATE not in screen.shown


def test_without_a_terminal_it_says_what_to_type(home):
    done = subprocess.run([PAPIN, "tui"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "needs a terminal" in done.stderr
    assert "Next: " in done.stderr
    assert not home.exists()


def test_its_help_needs_no_terminal():
    done = subprocess.run([PAPIN, "tui", "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0
    assert "--offline" in done.stdout
