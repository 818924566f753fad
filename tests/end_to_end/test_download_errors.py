"""Every way in which a download fails, as the command line and the HTTP API tell it: code, status, and what to do next."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from papin.errors import Problem
from papin.models import Job
from papin.testing.fault_scripts import compressed, multipart, redirect, refuse, web_page
from papin.testing.fault_server import fault_server
from papin.testing.samples import tiny_gguf

from .conftest import Program

BODY = tiny_gguf()
DIGEST = "0" * 64


@dataclass(frozen=True)
class Row:
    """A failure: what is asked for (of a server that behaves by `script`), and how it is told.

    `is_planned` tells that a dry run fails as well; otherwise only the job does.
    """

    name: str
    code: str
    status: int
    script: Any = None
    ref: str = ""
    asked: dict[str, str] = field(default_factory=dict)
    body: bytes = BODY
    is_planned: bool = True


ROWS = [
    Row("nothing there", "ERR_NOT_FOUND", 404, refuse(404)),
    Row("gone", "ERR_NOT_FOUND", 404, refuse(410)),
    Row("no model of that name", "ERR_NOT_FOUND", 404, ref="starter:nothing"),
    Row("no such file", "ERR_NOT_FOUND", 404, ref="/nowhere/m.gguf"),
    Row("a login is needed", "ERR_LOGIN", 403, refuse(401)),
    Row("a licence is needed", "ERR_LOGIN", 403, refuse(403)),
    Row("a page to log in at", "ERR_LOGIN", 403, web_page()),
    Row("a status that makes no sense", "ERR_NETWORK", 502, refuse(400)),
    Row("redirects without end", "ERR_NETWORK", 502, redirect("/again")),
    Row("a body that is compressed", "ERR_NETWORK", 502, compressed()),
    Row("several ranges at once", "ERR_NETWORK", 502, multipart(), is_planned=False),
    Row("come back in a year", "ERR_RATE_LIMIT", 503, refuse(429, retry_after="31536000"), is_planned=False),
    Row("another scheme", "ERR_UNSAFE_ADDRESS", 400, redirect("ftp://127.0.0.1/x")),
    Row("no network", "ERR_OFFLINE", 503, ref="https://example.org/m.gguf"),
    Row("a redirect off this machine", "ERR_OFFLINE", 503, redirect("https://example.org/m.gguf")),
    Row("other bytes than promised", "ERR_DIGEST", 422, asked={"sha256": DIGEST}, is_planned=False),
    Row("a digest that is none", "ERR_NAME", 400, asked={"sha256": "12"}),
    Row("a name that is none", "ERR_NAME", 400, asked={"name": "../x"}),
    Row("a name that is taken", "ERR_CONFLICT", 409, asked={"name": "taken"}),
    Row("a reference that is none", "ERR_NAME", 400, ref="a b"),
    Row("no model file", "ERR_FORMAT", 422, body=b"not a model" * 100, is_planned=False),
    Row("no room", "ERR_DISK_SPACE", 507, body=tiny_gguf(payload=2 << 20), is_planned=False),
]

# One function shows all errors to people, so that these stand for the rest; each is a process that takes its time.
IN_WORDS = {"nothing there", "a login is needed", "no network", "other bytes than promised", "no room"}


@dataclass(frozen=True)
class Served:
    """A `papin serve` that runs, and the command line beside it."""

    papin: Program
    address: str
    token: str

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, str, Any]:
        """Return status, media type and document of an answer."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}/api/v1{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.headers["content-type"], json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, error.headers["content-type"], json.load(error)

    def wait_failed(self, job: str) -> None:
        """Read the events until that download has failed."""
        headers = {"Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(f"{self.address}/api/v1/events?since=0", headers=headers)
        with urllib.request.urlopen(request) as stream:
            for line in stream:
                event = json.loads(line[6:])["event"] if line.startswith(b"data: ") else {}
                if (event.get("type"), event.get("job")) == ("download_failed", job):
                    return
        raise AssertionError("the stream ended")


@pytest.fixture(scope="module")
def served(tmp_path_factory, warm):
    folder = tmp_path_factory.mktemp("errors")
    papin = Program(
        Program.plain_environ(folder / "home") | {"PAPIN_OFFLINE": "1", "PAPIN_STORAGES__STORE__LIMIT": "1000000"},
        warm,
    )
    taken = folder / "taken.gguf"
    taken.write_bytes(tiny_gguf(9))
    papin("models", "import", taken)
    with papin.start("serve", "--port", "0") as server:
        address = server.stdout.readline().split()[-1]
        token = Path(server.stdout.readline().split()[-1]).read_text().strip()
        yield Served(papin, address, token)
        server.terminate()


def told(problem: Problem, row: Row) -> None:
    assert problem.code == row.code, problem
    assert problem.title
    assert problem.message
    assert problem.next_step


def words_of(ref, row):
    asked = [part for name, value in row.asked.items() for part in (f"--{name}", value)]
    return ["models", "download", ref, "--yes", *asked]


def in_words(papin, ref, row):
    plain = papin(*words_of(ref, row), status=1)
    first, following = plain.stderr.strip().splitlines()[-2:]
    assert first.startswith(f"{row.code}  "), plain.stderr
    assert following.startswith("Next: ")
    assert plain.stdout == ""


def as_json(papin, ref, row):
    done = papin(*words_of(ref, row), "--json", status=1)
    assert done.stderr == ""
    told(msgspec.convert(json.loads(done.stdout.splitlines()[-1])["error"], Problem), row)


def over_http(served, ref, row):
    asked = {"ref": ref, **row.asked}
    if row.is_planned:
        status, kind, document = served.ask("POST", "/downloads?dry_run=true", asked)
        assert (status, kind) == (row.status, "application/problem+json"), document
        assert (document["code"], document["status"]) == (row.code, row.status)
        assert document["next_step"]
    status, _, document = served.ask("POST", "/downloads", asked)
    if status != 202:
        assert (status, document["code"]) == (row.status, row.code)
        return
    served.wait_failed(document["id"])
    _, _, job = served.ask("GET", f"/downloads/{document['id']}")
    assert job["state"] == "failed"
    told(msgspec.convert(job, Job).error, row)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_a_failure_is_told_alike_everywhere(served, row):
    async with fault_server(row.body, default=row.script) as server:
        ref = row.ref or server.url
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, as_json, served.papin, ref, row)
            if row.name in IN_WORDS:
                nursery.start_soon(trio.to_thread.run_sync, in_words, served.papin, ref, row)
        await trio.to_thread.run_sync(over_http, served, ref, row)


def test_nothing_was_kept_of_all_that(served):
    """What failed for good leaves nothing behind but its record."""
    assert [each["id"] for each in json.loads(served.papin("models", "list", "--json").stdout)] == ["taken"]


def test_wrong_usage_is_status_2(papin):
    for words in (
        ["--limit", "fast", "x"],
        ["--limit", "0", "x"],
        [],
        ["--resume", "x", "y"],
        ["--resume", "x", "--dry-run"],
    ):
        refused = papin("models", "download", *words, status=2)
        assert "Usage: papin models download" in refused.stderr


@pytest.mark.parametrize("hours", ["25:00-07:00", "7-8", "07:00-07:00", "now"])
def test_hours_that_are_none(papin, hours):
    failed = papin("models", "download", "smollm2", "--between", hours, status=1)
    assert failed.stderr.startswith("ERR_NAME"), "before anything is said of what would come"
