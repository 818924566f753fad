import io
import json

import msgspec
import trio

from papin import sentences
from papin.models import Job, Progress
from papin.testing.fault_scripts import limited
from papin.testing.fault_server import fault_server
from papin_cli._output import Output
from papin_cli.actions._progress import showing
from papin_cli.actions._progress._lines import JobLines, Lines
from papin_cli.views import jobs


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


def test_a_download_that_cannot_be_resumed_says_so():
    known = Progress(phase="downloading", done=500, total=1000, speed=100.0, remaining=5.0, resumable=False)
    assert jobs.line(known).endswith("5 s left (cannot be resumed)")
    assert sentences.remaining(Progress(phase="downloading", done=1, resumable=False)) == "cannot be resumed"


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
        "progress": {
            "phase": "downloading",
            "done": 500,
            "total": 1000,
            "speed": None,
            "remaining": None,
            "file": "",
            "resumable": True,
            "silent_since": None,
        }
    }


def test_the_lines_of_several_jobs(now):
    said = []
    show = JobLines(said.append)

    def job(name, **more):
        fields = {"kind": "download", "subject": f"starter:{name}", "state": "running", "created_at": now}
        return Job(id=name, updated_at=now, **fields | more)

    def at(done):
        return Progress(phase="downloading", done=done, total=100)

    for done in (1, 2, 11, 12):
        show(job("a", progress=at(done)))
        show(job("b", state="queued", waiting="until 23:00"))
    show(job("b", progress=at(1)))
    show(job("a", state="completed", progress=at(100)))
    assert said == [
        "a  Downloading: 1 %, 1 B of 100 B",
        "b  queued, waits until 23:00: starter:b",
        "a  Downloading: 11 %, 11 B of 100 B",
        "b  Downloading: 1 %, 1 B of 100 B",
        "a  completed: starter:a",
    ]


def test_what_a_job_does_now_in_a_few_words(now):
    job = Job(id="a", kind="import", subject="x", state="running", created_at=now, updated_at=now)
    assert sentences.stage(job) == "running"
    assert sentences.stage(msgspec.structs.replace(job, progress=Progress(phase="downloading"))) == "Copying"
    assert sentences.stage(msgspec.structs.replace(job, state="paused")) == "paused"
    assert (
        sentences.stage(msgspec.structs.replace(job, state="queued", waiting="until 23:00"))
        == "queued, waits until 23:00"
    )


async def test_several_bars_on_a_terminal(papin):
    async with fault_server(bytes(1 << 20), default=limited(100_000)) as server:
        children = [papin.start("models", "download", f"{server.origin}/{name}", "--json") for name in "ab"]
        for child in children:
            await trio.to_thread.run_sync(lambda child=child: [child.stdout.readline() for _ in range(3)])
        try:
            terminal = papin.on_terminal("downloads", "watch")
            for job in papin("downloads", "list", "--json").json(list[Job]):
                await trio.to_thread.run_sync(terminal.until, f"{job.id} Downloading")
            terminal.type("\x03")
            assert await trio.to_thread.run_sync(terminal.end) == 130
        finally:
            for child in children:
                with child:
                    child.kill()
