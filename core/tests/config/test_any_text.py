"""Whatever a file or a variable says, it is either understood or refused; and what is set is what is read."""

from __future__ import annotations

import tomllib

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from papin import config
from papin.errors import ConfigInvalid

quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

LINES = st.sampled_from(
    [
        "offline = true",
        "offline = 1",
        "storage = 'box'",
        "[providers]",
        "[providers.a]",
        "[[providers.a]]",
        "[providers.a.inner]",
        "providers.a.text = 'x'",
        "providers = 3",
        "text = 'x'",
        "text = '''",
        "'''",
        "number = -1",
        '"number" = 7',
        "number.x = 7",
        "  # text = 3",
        "=",
        "[",
        "a = [1,",
        "]",
        "\ufeff",
        "",
    ]
)


class Inner(msgspec.Struct, frozen=True, kw_only=True):
    depth: int = 1


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    text: str = ""
    number: int = 0
    inner: Inner = Inner()


TABLES = {("providers", "a"): Settings}


def read(file, environ):
    try:
        loaded = config.load(file, environ)
        list(loaded.rows(TABLES))
    except ConfigInvalid:
        return None
    return loaded.table("providers", "a", Settings)


@quick
@given(st.one_of(st.binary(max_size=200), st.lists(LINES, max_size=12).map("\n".join).map(str.encode)))
def test_any_file_is_understood_or_refused(tmp_path, data):
    file = tmp_path / "config.toml"
    file.write_bytes(data)
    read(file, {})


@quick
@given(
    st.dictionaries(
        st.sampled_from(
            ["PAPIN_OFFLINE", "PAPIN_PROVIDERS__A__TEXT", "PAPIN_PROVIDERS__A__NUMBER", "PAPIN_PROVIDERS__A__INNER", "PAPIN_PROVIDERS__A__INNER__DEPTH", "PAPIN___"]
        ),
        st.text(max_size=20),
    )
)  # fmt: skip
def test_any_variable_is_understood_or_refused(tmp_path, environ):
    found = read(tmp_path / "none.toml", environ)
    if found is not None:
        assert found.text == environ.get("PAPIN_PROVIDERS__A__TEXT", "")


@quick
@given(st.lists(LINES, max_size=12).map("\n".join), st.text(max_size=20))
def test_what_is_set_is_read_again_and_nothing_else_changes(tmp_path, before, text):
    file = tmp_path / "config.toml"
    file.write_text(before, encoding="utf-8")
    try:
        value = config.set_value(file, "providers.a.text", text, TABLES)
    except ConfigInvalid:
        assert file.read_text(encoding="utf-8") == before
        return
    after = tomllib.loads(file.read_text(encoding="utf-8"))
    assert value == text == after["providers"]["a"].pop("text")
    wanted = tomllib.loads(before.removeprefix("\ufeff"))
    wanted.setdefault("providers", {}).setdefault("a", {}).pop("text", None)
    after.setdefault("providers", {}).setdefault("a", {})
    assert after == wanted
