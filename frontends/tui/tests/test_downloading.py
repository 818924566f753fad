"""A download that takes its time, seen and steered in its pane."""

import asyncio
from contextlib import asynccontextmanager

import trio

from papin.testing.fault_scripts import limited
from papin.testing.fault_server import fault_server
from papin.testing.samples import tiny_gguf

from .conftest import on_screen

BODY = tiny_gguf(payload=1 << 20)


@asynccontextmanager
async def slow_server(bridge):
    """Serve a model slowly, in the kernel's thread; give its address."""
    address = asyncio.get_running_loop().create_future()
    tell = bridge.told(address.set_result)

    async def serve(_kernel):
        async with fault_server(BODY, default=limited(100_000)) as server:
            tell(server.url)
            await trio.sleep_forever()

    serving = asyncio.create_task(bridge.ask(serve))
    try:
        yield await address
    finally:
        serving.cancel()


@on_screen
async def test_a_download_is_paused_resumed_cancelled_and_discarded(screen, tmp_path):
    def states():
        return [row["STATE"] for row in screen.rows("jobs").values()]

    async with slow_server(screen.app.bridge) as url:
        await screen.press("3")
        await screen.app.ask(lambda kernel: kernel.downloads.start(url, name="slow"))
        await screen.until(lambda: states() == ["Downloading"] and "kB/s" in str(screen.rows("jobs")))
        await screen.press("p")
        await screen.until(lambda: states() == ["paused"])
        await screen.press("p")
        await screen.until(lambda: states() == ["Downloading"])
        await screen.press("x")
        await screen.until(lambda: states() == ["cancelled"])
        await screen.press("enter")
        await screen.until(lambda: "cancelled" in screen.text("#reading"))
        await screen.press("escape", "d")
        await screen.until(lambda: "would be fetched again" in screen.text("Confirm Static"))
        await screen.press("y")

        async def staged(kernel):
            return [account.staging for account in await kernel.storage.account()]

        await screen.until(lambda: len(screen.app.screen_stack) == 1)
        async with asyncio.timeout(60):
            while await screen.app.ask(staged) != [0]:
                await screen.pilot.pause()
