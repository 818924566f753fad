"""Bodies that are sent piece by piece, to a server over a real socket."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trio

from papin.errors import TransferFailed, TransferTimeout
from papin.http import Http, Patience, Upload

PIECE = bytes(range(256)) * 4096  # 1 MiB


@contextmanager
def serving(*, reads=True):
    """Run a server that tells the size and the sum of what it gets, or reads nothing of it; give its address."""
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            return

        def do_POST(self):
            if not reads:
                done.wait(30)
                return
            data = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(201)
            self.end_headers()
            self.wfile.write(f"{len(data)} {sum(data[:: 1 << 16])} {self.headers['Content-Type']}".encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    done.set()
    server.shutdown()
    server.server_close()


def pieces(count):
    left = [PIECE] * count

    async def read():
        await trio.lowlevel.checkpoint()
        return left.pop() if left else b""

    return Upload(count * len(PIECE), read)


async def test_a_body_arrives_whole_however_large():
    with serving() as address:
        async with Http(offline=True).client(address) as client:
            headers = {"Content-Type": "application/octet-stream"}
            answer = await client.request("POST", "/", upload=pieces(8), headers=headers)
    size, total, kind = answer.body.split()
    assert (answer.status, int(size), kind) == (201, 8 << 20, b"application/octet-stream")
    assert int(total) == sum((PIECE * 8)[:: 1 << 16])


async def test_a_server_that_takes_nothing_is_given_up():
    with serving(reads=False) as address:
        patience = Patience(connect=0.1, header=0.2)
        async with Http(offline=True).client(address, patience=patience) as client:
            with trio.fail_after(60), pytest.raises(TransferTimeout):
                await client.request("POST", "/", upload=pieces(64))


async def test_an_upload_may_take_longer_than_an_answer(mock_clock):
    """The wait begins anew with each piece."""

    async def read():
        mock_clock.jump(0.06)
        await trio.lowlevel.checkpoint()
        return left.pop() if left else b""

    left = [b"x"] * 8
    with serving() as address:
        async with Http(offline=True).client(address, patience=Patience(connect=0.02, header=0.1)) as client:
            answer = await client.request("POST", "/", upload=Upload(8, read))
    assert answer.body.split()[0] == b"8"


@pytest.mark.parametrize("size", [3, 5])
async def test_a_body_of_another_size_than_was_said_is_no_request(size):
    left = [b"four"]

    async def read():
        await trio.lowlevel.checkpoint()
        return left.pop() if left else b""

    with serving() as address:
        async with Http(offline=True).client(address) as client:
            with pytest.raises(TransferFailed):
                await client.request("POST", "/", upload=Upload(size, read))
