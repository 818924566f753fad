"""Measuring models: by whom, and what is remembered of it."""

import pytest
import trio

from papin.errors import NotFound, PluginFailed, ProviderFailed
from papin.events import ModelChanged
from papin.library import open_library
from papin.models import LoadSettings


async def test_a_speed_is_remembered_by_the_weights_and_the_machine(folders, put_model):
    folder = folders.add("folder")
    put_model(folder, "qwen3")
    told = []
    async with folders.open() as kernel:
        assert await kernel.models.speeds("qwen3") == ()
        speed = await kernel.models.measure("qwen3", LoadSettings(n_ctx=512), on_progress=told.append)
        assert (speed.provider, speed.predicted_per_second, speed.settings.n_ctx) == ("folder", 12.5, 512)
        assert speed.machine == (await kernel.machine()).summary
        assert [(each.phase, each.done) for each in told][-2:] == [("measuring", 0), ("measuring", 2)]
        assert await kernel.models.speeds("qwen3") == (speed,)
        again = await kernel.models.measure("qwen3")
        assert await kernel.models.speeds("qwen3") == (again,)
        changed = [each.event for each in await kernel.journal.events() if isinstance(each.event, ModelChanged)]
        assert changed == [ModelChanged(model="folder:qwen3")] * 2
        with open_library(folders.environ) as library:
            assert library.speeds(library.find("qwen3")) == (again,)
        put_model(folder, "qwen3", b"other weights")
        await kernel.providers.refresh(["folder"])
        assert await kernel.models.speeds("qwen3") == ()
        with pytest.raises(NotFound):
            await kernel.models.speeds("nothing")


async def test_one_that_is_cancelled_leaves_nothing(folders, put_model):
    put_model(folders.add("slow", behaviour="hangs-measuring"), "qwen3")
    async with folders.open() as kernel:
        await kernel.models.list()
        async with trio.open_nursery() as nursery:
            begun = trio.Event()

            def report(progress):
                if progress.phase == "measuring":
                    begun.set()

            async def measure():
                await kernel.models.measure("qwen3", on_progress=report)

            nursery.start_soon(measure)
            await begun.wait()
            nursery.cancel_scope.cancel()
        assert await kernel.models.speeds("qwen3") == ()


async def test_who_cannot_measure_says_why(folders, put_model):
    put_model(folders.add("folder"), "qwen3")
    folders.add("second")
    async with folders.open() as kernel:
        await kernel.models.list()
        with pytest.raises(ProviderFailed, match="does not run"):
            await kernel.models.measure("qwen3", provider="second")


async def test_what_a_plugin_makes_up_is_not_remembered(folders, put_model):
    put_model(folders.add("folder", behaviour="mismeasures"), "qwen3")
    async with folders.open() as kernel:
        with pytest.raises(PluginFailed):
            await kernel.models.measure("qwen3")
        assert await kernel.models.speeds("qwen3") == ()
