import io
import json

from papin.models import Progress
from papin_cli._output import Output
from papin_cli.actions._progress import showing
from papin_cli.actions._progress._lines import Lines


def lines_of(steps):
    """Return what `Lines` writes for (time, progress) pairs."""
    written, now = [], [0.0]
    lines = Lines(written.append, "download", clock=lambda: now[0])
    for now[0], progress in steps:
        lines(progress)
    return written


def downloading(done, total=1000):
    return Progress(phase="downloading", done=done, total=total)


def test_a_fast_download_has_a_line_for_each_tenth():
    written = lines_of([(done / 1e6, downloading(done)) for done in range(1001)])
    assert [line.split()[1] for line in written] == [str(percent) for percent in range(0, 101, 10)]
    assert written[-1] == "Downloading: 100 %, 1.0 kB of 1.0 kB"


def test_a_slow_download_has_a_line_every_few_seconds():
    written = lines_of([(second, downloading(second, 10_000)) for second in range(61)])
    assert len(written) == 13


def test_a_download_of_unknown_size_has_lines_too():
    written = lines_of([(second, Progress(phase="downloading", done=second)) for second in range(11)])
    assert len(written) == 3


def test_each_phase_has_its_line():
    steps = [
        (0, Progress(phase="resolving")),
        (0, downloading(0)),
        (0, Progress(phase="verifying", done=5, total=1000)),
    ]
    assert [line.partition(":")[0] for line in lines_of(steps)] == ["Looking", "Downloading", "Verifying"]


def test_an_import_copies():
    out = Output(stdout=io.StringIO(), stderr=(stderr := io.StringIO()))
    with showing(out, "import") as show:
        show(downloading(0))
    assert stderr.getvalue().startswith("Copying: ")


def test_progress_is_lines_on_stderr_where_there_is_no_terminal():
    out = Output(stdout=io.StringIO(), stderr=(stderr := io.StringIO()))
    with showing(out, "download") as show:
        show(downloading(500))
    assert stderr.getvalue() == "Downloading: 50 %, 500 B of 1.0 kB\n"


def test_with_json_the_command_tells_it():
    stdout, stderr = io.StringIO(), io.StringIO()
    out = Output(json=True, stdout=stdout, stderr=stderr)
    with showing(out, "download") as show:
        show(downloading(500))
    assert stdout.getvalue() + stderr.getvalue() == ""
    out.line("progress", downloading(500))
    assert json.loads(stdout.getvalue()) == {
        "progress": {"phase": "downloading", "done": 500, "total": 1000, "speed": None, "remaining": None, "file": ""}
    }
