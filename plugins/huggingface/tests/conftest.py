"""What the tests of this plugin share: a hub with a few repositories, and a session on it."""

import pytest

from papin.testing import make_context
from papin_huggingface.plugin import papin_catalogs

from .fake_hub import Hub, lfs, plain, repository

TINY = repository(
    "acme/Tiny-8B-GGUF",
    plain("README.md"),
    lfs("Tiny-8B-Q4_K_M.gguf", 5_000_000_000),
    lfs("Tiny-8B-Q8_0.gguf", 8_000_000_000),
    lfs("F16/Tiny-8B-F16-00001-of-00002.gguf", 9_000_000_000),
    lfs("F16/Tiny-8B-F16-00002-of-00002.gguf", 7_000_000_000),
    lfs("Q2_K/Tiny-8B-Q2_K-00001-of-00003.gguf"),
    lfs("mmproj-Tiny-8B-F16.gguf", 600_000_000),
    likes=50,
    downloads=1000,
)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub():
    with Hub(TINY, repository("acme/Other-GGUF", lfs("other.Q4_0.gguf"), downloads=5000)) as running:
        yield running


@pytest.fixture
def opened(tmp_path, hub):
    (catalog,) = papin_catalogs()

    def open_session(**settings):
        return catalog.open(make_context(catalog, tmp_path, **{"endpoint": hub.url, **settings}))

    return open_session
