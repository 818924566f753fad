import errno
import io
import json
import os

import msgspec
import pytest

from papin_cli._output import Output, ReaderGone, Unwritable


class Tty(io.StringIO):
    def isatty(self):
        return True


def output(*, json=False, tty=False):
    stdout, stderr = (Tty(), Tty()) if tty else (io.StringIO(), io.StringIO())
    return Output(json=json, stdout=stdout, stderr=stderr), stdout, stderr


def test_people_read_text_and_programs_read_json():
    out, stdout, stderr = output()
    out.text("result")
    out.note("remark")
    assert (stdout.getvalue(), stderr.getvalue()) == ("result\n", "remark\n")
    out, stdout, stderr = output(json=True)
    out.text("result")
    out.note("remark")
    out.line("model", {"id": "m"})
    assert (stdout.getvalue(), stderr.getvalue()) == ('{"model":{"id":"m"}}\n', "")


def test_a_document_is_indented_on_a_terminal_only():
    for tty, lines in ((False, 1), (True, 4)):
        out, stdout, _ = output(json=True, tty=tty)
        out.document({"a": 1, "b": 2})
        assert len(stdout.getvalue().splitlines()) == lines
        assert json.loads(stdout.getvalue()) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    "evil", ["\x1b[2J", "\x9b31m", "\x7f", "\N{RIGHT-TO-LEFT OVERRIDE}", "\N{LANGUAGE TAG}", "a\nb"]
)
def test_json_says_the_same_and_cannot_harm_a_terminal(evil):
    out, stdout, _ = output(json=True)
    out.document({"text": evil})
    assert stdout.getvalue().removesuffix("\n").isprintable()
    assert json.loads(stdout.getvalue()) == {"text": evil}
    assert msgspec.json.decode(stdout.getvalue()) == {"text": evil}


def test_nobody_is_asked_where_there_is_no_terminal():
    assert not output()[0].interactive
    assert not output(json=True, tty=True)[0].animated


def test_a_reader_that_is_gone():
    reading, writing = os.pipe()
    os.close(reading)

    class Pipe(io.StringIO):
        def write(self, text):
            return os.write(writing, text.encode())

    with pytest.raises(ReaderGone):
        Output(stdout=Pipe()).text("x")
    os.close(writing)


def test_a_stream_that_takes_nothing_is_told_where_it_is_the_result_and_else_not():
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    out = Output(stdout=Full(), stderr=Full())
    with pytest.raises(Unwritable, match="No space left"):
        out.text("x")
    out.note("x")
