"""The application on a screen of its own, with a kernel in a home of its own."""

import asyncio
import os
from contextlib import asynccontextmanager

import pytest

from papin import config
from papin_tui._app import PapinApp
from papin_tui._bridge import open_bridge
from papin_tui._show import Table

PATIENCE = 60
HOPS = 100  # more than there are widgets above each other, there and back


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Keep everything of papin, and of other programs, in folders of the test."""
    for name in [name for name in os.environ if name.startswith(("PAPIN_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PAPIN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    return tmp_path / "home"


class Screen:
    """What a person sees and does."""

    def __init__(self, app, pilot):
        self.app = app
        self.pilot = pilot

    async def press(self, *keys):
        """Press keys, each of which has acted before the next one.

        A key goes from widget to widget, one step of the loop each. The pilot waits for that by the clock, which is not
        enough where the processor is somebody else's for that long.
        """
        for key in keys:
            await self.pilot.press(key)
            for _ in range(HOPS):
                await asyncio.sleep(0)

    async def until(self, condition):
        """Let the application work until `condition` holds; return what it gave."""
        end = self.app._loop.time() + PATIENCE
        while not (found := condition()):
            assert self.app._loop.time() < end, f"{self.app.focused}\n{self.notices()}\n{self.shown()}"
            await asyncio.sleep(0.02)
        return found

    def shown(self):
        """Return the screen as text."""
        return "\n".join("".join(each.text for each in line) for line in self.app.screen._compositor.render_strips())

    def table(self, name):
        return self.app.screen_stack[-1].query_one(f"#{name}", Table)

    def rows(self, name):
        """Return the cells of a table by the titles of the columns that it shows, by the keys of its rows."""
        table = self.app.screen_stack[0].query_one(f"#{name}", Table)
        titles = [column.key.value for column in table.ordered_columns]
        return {
            key.value: dict(zip(titles, (each.plain for each in table.get_row(key)), strict=True)) for key in table.rows
        }

    def text(self, selector):
        """Return what a widget of the uppermost screen shows, or nothing."""
        return "\n".join(str(each.render()) for each in self.app.screen_stack[-1].query(selector))

    def notices(self):
        """Return everything that was told beside the panes."""
        return "\n".join(each.message for each in self.app._notifications)

    async def told(self, text):
        await self.until(lambda: text in self.notices())


@asynccontextmanager
async def opened(*, size=(120, 40)):
    async with open_bridge(config.load(), offline=True) as (bridge, _):
        app = PapinApp(bridge)
        async with app.run_test(size=size) as pilot:
            yield Screen(app, pilot)


def on_screen(work, *, size=(120, 40)):
    """Make a test of `async def work(screen, ...)`, run by asyncio: trio is the kernel's, in its own thread."""

    def test(tmp_path):
        async def run():
            async with opened(size=size) as screen:
                await work(screen, tmp_path)

        asyncio.run(run())

    test.__name__, test.__doc__ = work.__name__, work.__doc__
    return test


def on_small_screen(work):
    """As `on_screen`, on the smallest screen that people still have."""
    return on_screen(work, size=(80, 24))
