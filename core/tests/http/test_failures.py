"""Nothing of the libraries below crosses the boundary: their trees of exceptions are walked."""

from __future__ import annotations

import inspect
import socket
import ssl

import h11
import httpcore
import httpx
import pytest
import trio

from papin._http._failures import FOREIGN, is_known, translate
from papin.errors import PapinError, TransferFailed


def _exceptions_of(module):
    return {
        each
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, Exception) and each.__module__.partition(".")[0] == module.__name__
    }


def _tree(kind):
    return {kind}.union(*(_tree(each) for each in kind.__subclasses__()))


ALL = sorted(
    set.union(*(_exceptions_of(module) for module in (httpx, httpcore, h11)))
    | _tree(ssl.SSLError)
    | {trio.BrokenResourceError, trio.ClosedResourceError, OSError, ConnectionResetError, socket.gaierror},
    key=lambda kind: (kind.__module__, kind.__name__),
)


def test_the_walk_finds_the_trees():
    assert {httpx.ReadTimeout, httpcore.RemoteProtocolError, h11.LocalProtocolError} <= set(ALL)
    assert len(ALL) > 40


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_exception_of_the_libraries_is_translated(kind):
    assert is_known(kind)
    assert issubclass(kind, FOREIGN)
    error = kind.__new__(kind)
    made = translate(error, "host.example")
    assert isinstance(made, TransferFailed)
    assert "host" in made.message
    assert made.next_step


def test_timeouts_are_timeouts():
    for module in (httpx, httpcore):
        for kind in _tree(module.TimeoutException):
            assert translate(kind("x"), "h").code == "ERR_TIMEOUT"


def test_bugs_are_not_caught():
    for kind in (ValueError, RuntimeError, TypeError, trio.Cancelled, PapinError):
        assert not issubclass(kind, FOREIGN)


def test_the_reason_inside_a_wrapper_is_told():
    wrapper = trio.BrokenResourceError("x")
    wrapper.__cause__ = ssl.SSLCertVerificationError(1, "self-signed")
    wrapper.__cause__.verify_message = "self-signed certificate"
    made = translate(wrapper, "h")
    assert "self-signed certificate" in made.message
    assert not made.transient


def test_a_body_that_was_cut_off_may_be_tried_again_and_nonsense_may_not():
    cut = httpcore.RemoteProtocolError("peer closed connection without sending complete message body (received 1 byte)")
    assert translate(cut, "h").transient
    assert not translate(httpcore.RemoteProtocolError("illegal header line"), "h").transient
