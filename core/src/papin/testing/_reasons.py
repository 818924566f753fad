"""Why a test was skipped: pytest-trio takes `pytest.skip(reason)` out of its exception group without the reason."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

__all__ = ["Reasons"]


class Reasons:
    """A plugin for pytest."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Report the skip that was meant, with its reason and its place."""
        if call.excinfo is not None and isinstance(call.excinfo.value, pytest.skip.Exception):
            meant = next(_skips(call.excinfo.value.__context__), None)
            if meant is not None:
                call.excinfo = pytest.ExceptionInfo.from_exception(meant)
        return (yield)


def _skips(error: BaseException | None) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _skips(each)
    elif isinstance(error, pytest.skip.Exception):
        yield error
