"""Whatever is cancelled leaves no socket behind."""

import gc

import trio

from papin._http import _network


async def test_connecting_can_be_cancelled_at_any_moment():
    """A socket that is left to the garbage collector is a warning, and a warning an error."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=1000)
    host, port = listeners[0].socket.getsockname()
    addresses = await _network._resolve(host, port)
    for number in range(400):
        with trio.move_on_after(number * 0.000_005):
            await trio.aclose_forcefully(await _network._race(host, addresses, port))
    gc.collect()
    await listeners[0].aclose()
