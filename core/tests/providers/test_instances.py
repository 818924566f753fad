"""Named instances of a provider, in the kernel."""

import pytest

from papin.errors import ConfigInvalid
from papin.kernel import open_kernel

SOURCE = """
from contextlib import asynccontextmanager
import msgspec
from papin.hookspecs import hookimpl
from papin.models import Engine
from papin.providers import Provider

class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str = "http://here"

class Session:
    def __init__(self, context):
        self.context = context

    async def engine(self):
        return Engine(name=self.context.name, address=self.context.settings.url)

@asynccontextmanager
async def opened(context):
    yield Session(context)

@hookimpl
def papin_providers():
    yield Provider(name="acme", summary="Acme", open=opened, settings=Settings)
"""


@pytest.fixture
def statuses(site, tmp_path):
    site.install("acme", source=SOURCE)
    home = tmp_path / "home"
    home.mkdir()

    async def ask(text):
        (home / "config.toml").write_text(text)
        async with open_kernel(environ={"PAPIN_HOME": str(home)}) as kernel:
            return {each.name: each for each in await kernel.providers.list()}

    return ask


async def test_each_instance_is_a_provider_of_its_own(statuses):
    found = await statuses('[providers.gpu-box]\nkind = "acme"\nurl = "http://gpu-box"\n')
    assert (found["acme"].engine.address, found["gpu-box"].engine.address) == ("http://here", "http://gpu-box")
    assert found["gpu-box"].engine.name == "gpu-box"
    assert found["gpu-box"].distribution == "acme"


async def test_a_kind_that_is_not_installed_is_shown_and_harms_nobody(statuses):
    found = await statuses('[providers.box]\nkind = "nowhere"\nurl = "http://x"\n')
    assert found["acme"].state == "ready"
    assert found["box"].state == "failed"
    assert found["box"].problem.code == ConfigInvalid.code
    assert "nowhere" in found["box"].problem.message
    assert "papin config set providers.box.kind" in found["box"].problem.next_step


async def test_the_name_of_another_provider_is_not_taken(statuses):
    found = await statuses('[providers.llamacpp]\nkind = "acme"\n')
    assert found["llamacpp"].state == "failed"
    assert "llamacpp is a provider itself" in found["llamacpp"].problem.message
