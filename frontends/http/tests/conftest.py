from contextlib import asynccontextmanager
from functools import cache, partial

import pytest
import trio

from papin_http import _app, _serve
from papin_http._guard import Guard

from .client import Client
from .program import Server
from .standin import StandIn

TOKEN = "t" * 43


@cache
def built():
    """Return the one application of all tests: building it takes longer than most of them."""
    return _app.build(None, None)


def application(kernel, stopping):
    """Return the application for `kernel`."""
    app = built()
    app.state.kernel, app.state.stopping = kernel, stopping
    return app


@asynccontextmanager
async def serving(kernel, *, is_remote=False, names=(), grace_seconds=1.0, port=0):
    """Serve `kernel` on a free port; yields a client that knows the token, and the event that stops the server."""
    stopping = trio.Event()
    listener = _serve.listen("127.0.0.1", port)
    port = listener.getsockname()[1]
    hosts = _serve.hosts("127.0.0.1", port, names)
    guard = Guard(application(kernel, stopping), token=TOKEN, hosts=hosts, is_remote=is_remote)
    serve = partial(_serve.serve, guard, listener, stopping=stopping, grace_seconds=grace_seconds)
    async with trio.open_nursery() as nursery:
        await nursery.start(serve)
        yield Client(port, TOKEN), stopping
        stopping.set()


@pytest.fixture
def kernel():
    return StandIn()


@pytest.fixture
async def client(kernel):
    async with serving(kernel) as (client, _):
        yield client


@pytest.fixture(scope="session")
def serve(warm):
    """Starts `papin serve` in a home: `serve(home, *arguments, **environ)` is a `Server`."""
    return partial(Server, warm)
