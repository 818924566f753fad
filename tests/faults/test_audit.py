"""The audit after every fault: each invariant is broken here, in one way after the other, and must be named."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass

import pytest
import trio

from papin.testing.fault_scripts import cut, refuse
from papin.testing.fault_server import FaultServer, Request, fault_server

from .audit import SECRET, audit, store_of
from .conftest import make_gguf
from .laboratory import Life, Telling

pytestmark = pytest.mark.faults

MIB = 1 << 20


@dataclass
class Past:
    """A home with an installed model and a download that failed, the lives that left it, and the server."""

    home: str
    lives: list
    server: FaultServer

    @property
    def store(self):
        return store_of(self.home)

    @property
    def payload(self):
        (path,) = (self.store / "blobs/sha256").glob("*/*")
        return path

    @property
    def notes(self):
        (path,) = self.store.glob("incoming/*/notes")
        return path

    def change(self, *statements):
        with closing(sqlite3.connect(self.home / "data/registry.db")) as registry, registry:
            for statement in statements:
                registry.execute(statement)

    def say(self, *said):
        self.lives.append(Life(0, [list(each) for each in said]))

    def ask(self, **headers):
        names = {"accept-encoding": "identity"} | {name.replace("_", "-"): value for name, value in headers.items()}
        self.server.requests.append(Request("GET", "/model.gguf", names))


@pytest.fixture(scope="module")
def lived(lab, body, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lived")
    (folder / "a.gguf").write_bytes(make_gguf(1, MIB))

    async def live():
        async with fault_server(body, default=Telling(cut(3 * MIB), refuse(404))) as server:
            download = ["download", server.url, "b", hashlib.sha256(body).hexdigest()]
            taken = await lab.live(folder / "home", ["take", str(folder / "a.gguf"), "a"], ["state"])
            failed = await lab.live(folder / "home", download)
        assert (taken.status, failed.error) == (0, "ERR_NOT_FOUND")
        return Past(folder / "home", [taken, failed], server)

    return trio.run(live)


@pytest.fixture
def past(lived, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(lived.home, home, symlinks=True, ignore=shutil.ignore_patterns("followers"))
    server = FaultServer(b"", None, "http", "127.0.0.1", requests=[*lived.server.requests])
    return Past(home, [*lived.lives], server)


VIOLATIONS = {}


def breaks(number):
    def register(act):
        VIOLATIONS[f"{number} {act.__name__}"] = act
        return act

    return register


@breaks("I1")
def a_payload_with_a_flipped_bit(past):
    content = bytearray(past.payload.read_bytes())
    content[MIB // 2] ^= 1
    past.payload.write_bytes(content)


@breaks("I1")
def a_payload_that_is_a_folder(past):
    (past.payload.parent / ("0" * 64)).mkdir(mode=0o700)


@breaks("I2")
def an_acknowledged_model_that_is_not_recorded(past):
    past.say(["ended", "download", "http://127.0.0.1/", "c", "0" * 64])


@breaks("I2")
def an_acknowledged_import_that_was_rolled_back(past):
    past.change("PRAGMA foreign_keys = ON", "DELETE FROM models")


@breaks("I2")
def a_job_that_ended_otherwise_than_the_journal_tells(past):
    past.change("UPDATE jobs SET state = 'completed' WHERE state = 'failed'")


@breaks("I4")
def a_weak_validator_that_is_noted(past):
    head = past.notes.read_bytes()[:4096].replace(b'\\"v1\\"', b"W/v1  ")
    past.notes.write_bytes(head)


@breaks("I4")
def a_weak_condition(past):
    past.ask(range="bytes=5-", if_range='W/"v1"')


@breaks("I4")
def a_request_that_allows_to_compress(past):
    past.ask(accept_encoding="gzip")


@breaks("I5")
def more_bytes_than_were_promised(past):
    with (past.notes.parent / "data").open("r+b") as file:
        file.truncate(6 * MIB)


@breaks("I6")
def a_model_whose_file_is_gone(past):
    past.payload.unlink()


@breaks("I6")
def a_model_whose_file_has_another_size(past):
    past.change("UPDATE files SET size = size + 1")


@breaks("I6")
def a_registry_in_which_rows_refer_to_nothing(past):
    past.change("PRAGMA foreign_keys = OFF", "DELETE FROM files")


@breaks("I7")
def a_completed_job_with_bytes_missing(past):
    past.change("""UPDATE jobs SET progress = '{"done":5,"total":6}' WHERE state = 'completed'""")


@breaks("I7")
def more_than_all_of_it(past):
    past.change("""UPDATE jobs SET progress = '{"done":7,"total":6}' WHERE state = 'failed'""")


@breaks("I7")
def a_job_that_runs_for_ever(past):
    past.change("UPDATE jobs SET state = 'running'")
    past.say()


@breaks("I7")
def progress_that_goes_back(past):
    past.say(["shown", [0, 5, 4]])


@breaks("I7")
def an_end_by_a_bug(past):
    past.say(["bug", "Traceback"])


@breaks("I7")
def an_error_that_tells_nobody_what_to_do(past):
    past.say(["error", "ERR_STORAGE", "it failed", ""])


@breaks("I8")
def a_file_with_a_name_of_somebody_else(past):
    (past.store / "incoming" / "evil").write_bytes(b"")


@breaks("I8")
def a_link_that_leads_out(past):
    (past.store / "by-name/a/passwd").symlink_to("/etc/passwd")


@breaks("I8")
def a_file_that_may_be_executed(past):
    past.payload.chmod(0o700)


@breaks("I8")
def a_pipe_among_the_payloads(past):
    os.mkfifo(past.notes.parent / "lock.fifo")
    (past.notes.parent / "lock").unlink(missing_ok=True)
    (past.notes.parent / "lock.fifo").rename(past.notes.parent / "lock")


@breaks("I9")
def a_folder_that_others_may_look_into(past):
    past.payload.parent.chmod(0o755)


@breaks("I9")
def a_token_in_a_file(past):
    past.change(f"UPDATE models SET ref = 'https://x:{SECRET}@example.com'")


@breaks("I9")
def a_token_in_an_error(past):
    past.say(["error", "ERR_NETWORK", f"no answer to {SECRET}", "Try again."])


@breaks("I9")
def a_token_for_another_server(past):
    past.ask(authorization=f"Bearer {SECRET}")


@breaks("I10")
def a_plugin_that_fails_with_another_one(past):
    past.say(["state", {"problems": ["a-rude", "gguf"]}])


@breaks("I10")
def a_plugin_whose_failing_nobody_noticed(past):
    past.say(["state", {"problems": []}])


def test_nothing_is_wrong_with_what_is_right(past):
    assert json.loads(past.notes.read_bytes()[8:4096])["entity"]["etag"] == '"v1"'
    audit(past.home, *past.lives, server=past.server)
    audit(past.home)
    audit(past.home / "nowhere")


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_a_violation_is_named(past, violation):
    VIOLATIONS[violation](past)
    with pytest.raises(AssertionError, match=rf"(?m)^{violation.partition(' ')[0]}: "):
        audit(past.home, *past.lives, server=past.server)


def test_every_invariant_that_can_be_seen_from_outside_is_broken_here():
    # I3 is about bytes on the wire, which each row counts.
    assert {name.partition(" ")[0] for name in VIOLATIONS} == {f"I{number}" for number in range(1, 11)} - {"I3"}
