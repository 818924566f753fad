"""What has to be true of a home after any fault, whatever else became of it: the invariants I1-I10, seen from outside.

Nothing here imports papin or changes the home: the registry is read from a copy. What an invariant says of one scenario
alone (bytes that are fetched twice, the seconds that something takes) is up to the test of that scenario.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

SECRET = "hf_canary0000000000000000000000000000"
"""A token of the user that every life has, for servers that none of them has to do with."""

RESTING = {"queued", "paused", "interrupted", "completed", "failed", "cancelled"}
_HEAD = 4096  # of the notes about an unfinished download, and how much of it is not JSON
_MARK = 8
_HEX = "[0-9a-f]"
_WORD = r"[^/\x00-\x1f\\]+"
_STORE = rf"""
    blobs(/sha256(/{_HEX}{{2}}(/{_HEX}{{64}})?)?)? | incoming(/{_HEX}{{64}}(/(data|lock|wanted|notes|owner))?)?
    | models(/{_WORD}\.json)? | by-name(/{_WORD}(/{_WORD})*)? | store\.json | space\.lock
    | (\S+/)?(new-|\.papin-)[\w-]+\.tmp"""
_HOME = r"""
    config\.toml | (data|cache|run)(/(providers|storages|catalogs|frontends)(/[\w-]+)?)? | data/[\w.-]+ | cache/[\w.-]+
    | data/storages/store/known-stores\.json | run/[\w.-]+ | run/(jobs|line|followers|locks)/[\w.-]+"""
_STORE_PATH = re.compile(_STORE, re.VERBOSE)
_HOME_PATH = re.compile(_HOME, re.VERBOSE)
_STRONG = re.compile(r'"[^"]*"')
_LINK = re.compile(rf"(\.\./)+blobs/sha256/{_HEX}{{2}}/{_HEX}{{64}}")


def store_of(home):
    return home / "data/storages/store"


def audit(home, *lives, store=None, server=None):
    """Check what `home` has become after `lives`, in the order of their ends.

    `store` is its storage when that is elsewhere, `server` the one that was asked.
    """
    found = [*_violations(home, lives, store or store_of(home), server)]
    assert not found, "\n".join(found)


def _violations(home, lives, store, server):
    with tempfile.TemporaryDirectory() as folder, closing(_copy(home, Path(folder))) as registry:
        payloads = {path.name: path for path in (store / "blobs/sha256").glob("*/*") if not path.name.endswith(".tmp")}
        yield from _payloads(payloads)
        yield from _acknowledged(registry, lives)
        yield from _staging(store)
        yield from _models(registry, payloads)
        yield from _jobs(registry, lives)
        yield from _journal(registry)
    yield from _progress(lives)
    yield from _paths(home, store)
    yield from _secrets(home, lives, server)
    yield from _plugins(lives)
    yield from _requests(server)


def _copy(home, folder):
    """Return the registry, as whoever opens it next will find it."""
    for name in ("registry.db", "registry.db-wal", "registry.db-journal"):
        if (home / "data" / name).exists():
            shutil.copyfile(home / "data" / name, folder / name)
    return sqlite3.connect(folder / "registry.db")


def _rows(registry, table, query):
    """Return what `query` finds, which is nothing as long as a table was not made."""
    made = registry.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [table]).fetchone()
    return registry.execute(query).fetchall() if made else []


def _payloads(payloads):
    for path in payloads.values():
        if not stat.S_ISREG(path.lstat().st_mode):
            yield f"I1: {path} is no file"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != path.name:
            yield f"I1: {path} is not what its name says"


def _acknowledged(registry, lives):
    kept = set()
    for word, name, *arguments in (said for life in lives for said in life.said if said[0] in ("begins", "ended")):
        if name.startswith("remove"):
            kept.discard(arguments[0])
        elif word == "ended" and name == "download":
            kept.add(arguments[1])
        elif word == "ended" and name == "take":
            kept.add(arguments[1] or Path(arguments[0]).stem)
    there = {model for (model,) in _rows(registry, "models", "SELECT id FROM models")}
    for model in sorted(kept - there):
        yield f"I2: {model} was acknowledged and is not recorded"


def _staging(store):
    for notes in store.glob("incoming/*/notes"):
        entity = _entity(notes)
        if not _STRONG.fullmatch(entity.get("etag", '""')):
            yield f"I4: {notes} has a validator that proves nothing: {entity['etag']}"
        data = notes.parent / "data"
        size = data.stat().st_size if data.exists() else 0
        if size > entity.get("total", size):
            yield f"I5: {data} has {size} bytes, where {entity['total']} were promised"


def _entity(notes):
    """Return what the notes belong to: nothing, when a crash left only a part of that."""
    with notes.open("rb") as file:
        head = file.read(_HEAD)[_MARK:]
    try:
        return json.loads(head)["entity"]
    except ValueError:
        return {}


def _models(registry, payloads):
    for problem, *_ in [*registry.execute("PRAGMA integrity_check"), *registry.execute("PRAGMA foreign_key_check")]:
        if problem != "ok":
            yield f"I6: the registry is damaged: {problem}"
    query = (
        "SELECT models.id, files.sha256, files.size FROM models JOIN versions ON versions.model = models.key"
        " JOIN model_files ON model_files.version = versions.key JOIN files ON files.key = model_files.file"
    )
    for model, digest, size in _rows(registry, "model_files", query):
        if digest not in payloads:
            yield f"I6: {model} is recorded, and its file {digest} is gone"
        elif payloads[digest].stat().st_size != size:
            yield f"I6: the file of {model} has not the {size} bytes that are recorded"


def _jobs(registry, lives):
    is_settled = bool(lives) and lives[-1].status == 0  # who ended otherwise may not have been able to write
    for job, state, progress in _rows(registry, "jobs", "SELECT id, state, progress FROM jobs"):
        shown = json.loads(progress) if progress else {}
        done, total = shown.get("done", 0), shown.get("total")
        if state == "completed" and total != done:
            yield f"I7: {job} is completed with {done} of {total} bytes"
        if total is not None and done > total:
            yield f"I7: {job} has {done} of {total} bytes"
        if is_settled and state not in RESTING:
            yield f"I7: {job} is {state}, and nobody is there any more"


def _journal(registry):
    ends = {"download_completed": "completed", "download_failed": "failed", "download_cancelled": "cancelled"}
    told = {}
    for (text,) in _rows(registry, "events", "SELECT event FROM events ORDER BY seq"):
        event = json.loads(text)
        if event["type"].startswith("download_"):
            told[event["job"]] = ends.get(event["type"])
    for job, state in _rows(registry, "jobs", "SELECT id, state FROM jobs WHERE kind = 'download'"):
        said = told.get(job)
        if (said or state) != state or (said is None and state in ends.values()):
            yield f"I2: {job} is {state}, and its last event tells {said}"


def _progress(lives):
    for life in lives:
        for trace in life.of("bug"):
            yield f"I7: it ended by what is no error of papin: {trace}"
        for code, _, next_step in life.of("error"):
            if not next_step:
                yield f"I7: {code} tells nobody what to do"
        for (shown,) in life.of("shown"):
            if shown != sorted(shown):
                yield f"I7: the progress went back: {shown}"


def _paths(home, store) -> Iterator[str]:
    for root, known in ((home, _HOME_PATH), (store, _STORE_PATH)):
        for path in root.rglob("*"):
            if root == home and (path == store or store in path.parents):
                continue
            name, mode = path.relative_to(root).as_posix(), path.lstat().st_mode
            if not known.fullmatch(name):
                yield f"I8: {path} is nothing that papin makes"
            if stat.S_ISLNK(mode):
                if root == home or not _LINK.fullmatch(str(path.readlink())):
                    yield f"I8: {path} leads to {path.readlink()}"
            elif not (stat.S_ISDIR(mode) or stat.S_ISREG(mode) or (stat.S_ISFIFO(mode) and name.startswith("run/"))):
                yield f"I8: {path} is neither a file nor a folder"
            elif stat.S_ISREG(mode) and mode & 0o111:
                yield f"I8: {path} may be executed"
            elif stat.S_ISDIR(mode) and mode & 0o077:
                yield f"I9: others may look into {path}"


def _secrets(home, lives, server):
    for path in home.rglob("*"):
        if path.is_file() and SECRET.encode() in path.read_bytes():
            yield f"I9: the token of the user stands in {path}"
    if SECRET in json.dumps([life.said for life in lives]):
        yield "I9: the token of the user was said"
    for request in server.requests if server else ():
        if SECRET in str(request):
            yield f"I9: the token of the user was sent to another server: {request.method} {request.target}"


def _plugins(lives):
    for life in lives:
        for (state,) in life.of("state"):
            if state["problems"] != ["a-rude"]:
                yield f"I10: one plugin is rude, and these have problems: {state['problems']}"


def _requests(server):
    for request in server.requests if server else ():
        condition = request.headers.get("if-range", '""')
        if not _STRONG.fullmatch(condition):
            yield f"I4: {condition} is no condition for going on at {request.start}"
        if request.headers.get("accept-encoding") != "identity":
            yield f"I4: {request.method} {request.target} allows other bytes than those of the file"
