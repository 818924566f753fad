"""Children of the warm interpreter are as those that are started from nothing."""

import json
import os
import signal
import subprocess
import sys

import pytest

from papin.testing.warm import Warm

TELL = """
import json, os, sys
print(json.dumps({
    "name": __name__, "arguments": sys.argv, "environ": dict(os.environ), "folder": os.getcwd(), "given": sys.stdin.read(),
    "warnings": sys.warnoptions, "descriptors": len(os.listdir("/proc/self/fd")), "path": sys.path, "pid": os.getpid(),
    "out": [sys.stdout.encoding, sys.stdout.errors, sys.stdout.line_buffering],
    "err": [sys.stderr.encoding, sys.stderr.errors, sys.stderr.line_buffering],
}))
print("aside", file=sys.stderr)
"""


@pytest.fixture(scope="module", params=["", "1"], ids=["buffered", "unbuffered"])
def environ(request):
    return {**os.environ, "PYTHONWARNINGS": "error", "PYTHONUNBUFFERED": request.param}


@pytest.fixture(scope="module")
def warm(environ):
    with Warm(environ) as warm:
        yield warm


def test_one_is_as_a_python_of_its_own(warm, environ, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environ = {**environ, "HOME": str(tmp_path), "PAPIN_HOME": "x", "PYTHONPATH": f"{tmp_path}/site:{tmp_path}/other"}
    own = subprocess.run(
        [sys.executable, "-c", TELL, "a", "b"], env=environ, input="hé", capture_output=True, text=True
    )
    done = warm.run(TELL, "a", "b", environ=environ, given="hé")
    assert (done.returncode, done.stderr) == (own.returncode, own.stderr) == (0, "aside\n")
    expected, told = json.loads(own.stdout), json.loads(done.stdout)
    # It keeps the pipe on which it tells of what it imports.
    assert told.pop("descriptors") == expected.pop("descriptors") + 1
    assert told.pop("pid") != expected.pop("pid")
    assert told == expected


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("raise SystemExit(7)", 7, ""),
        ("import sys; sys.exit('why')", 1, "why\n"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("import os; os._exit(3)", 3, ""),
        ("import atexit, os; atexit.register(os.write, 2, b'ended')", 0, "ended"),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL, ""),
        ("import os; open(os.devnull)", 0, "ResourceWarning: unclosed file"),
    ],
)
def test_it_ends_as_any_python_does(warm, environ, code, status, said):
    done = warm.run(code, environ=environ)
    assert done.returncode == status
    assert said in done.stderr


def test_it_can_be_waited_for_signalled_and_killed(warm, environ):
    code = "import signal; print('here', flush=True); signal.pause()"
    for end, status in (("kill", -signal.SIGKILL), ("terminate", -signal.SIGTERM)):
        with warm.start(code, environ=environ) as child:
            assert child.stdout.readline() == "here\n"
            assert child.poll() is None
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(0.01)
            getattr(child, end)()
            assert child.wait() == child.poll() == status
            child.kill()  # there is nothing left to kill
    with warm.start(code, environ=environ) as child:
        assert child.stdout.readline() == "here\n"
        child.send_signal(signal.SIGINT)
        assert child.communicate()[1].endswith("KeyboardInterrupt\n")
        assert child.returncode == -signal.SIGINT


def test_one_that_does_not_end_in_time_is_killed(warm, environ):
    with pytest.raises(subprocess.TimeoutExpired):
        warm.run("import signal; signal.pause()", environ=environ, timeout=0.01)


def test_much_is_read_and_written_at_once(warm, environ):
    code = "import sys; data = sys.stdin.buffer.read(); sys.stderr.buffer.write(data); sys.stdout.buffer.write(data)"
    data = bytes(range(256)) * 4096
    done = warm.run(code, environ=environ, text=False, given=data)
    assert done.stdout == done.stderr == data


def test_one_that_reads_nothing_may_be_given_much(warm, environ):
    assert warm.run("pass", environ=environ, text=False, given=bytes(1 << 20)).returncode == 0


def test_what_one_imported_the_next_has(warm, environ):
    code = "import wave"
    known = "import sys; print('wave' in sys.modules)"
    assert warm.run(known, environ=environ).stdout == "False\n"
    assert warm.run(code, environ=environ).returncode == 0
    assert warm.run(known, environ=environ).stdout == "True\n"


def test_what_only_one_finds_is_its_own(warm, environ, tmp_path):
    (tmp_path / "only_here.py").write_text("import os; print(os.environ['PAPIN_HOME'])")
    for name in "ab":
        own = {**environ, "PYTHONPATH": str(tmp_path), "PAPIN_HOME": name}
        assert warm.run("import only_here", environ=own).stdout == f"{name}\n"
    assert "ModuleNotFoundError" in warm.run("import only_here", environ=environ).stderr


def test_another_environment_is_a_python_of_its_own(warm, environ):
    code = "import sys; print(sys.flags.utf8_mode, 'wave' in sys.modules)"
    assert warm.run(code, environ={**environ, "PYTHONUTF8": "1"}).stdout == "1 False\n"


def test_children_of_several_are_told_apart(warm, environ):
    children = [warm.start(f"import sys; sys.exit({number})", environ=environ) for number in range(20)]
    assert len({child.pid for child in children}) == 20
    for number, child in enumerate(children):
        with child:
            assert child.wait() == number
