"""What all conformance suites share."""

from __future__ import annotations

from typing import Any

__all__ = ["Suite"]


def _may_stand(test: Any) -> bool:
    marks = getattr(test, "pytestmark", ())
    return any(mark.name == "xfail" and mark.kwargs.get("reason") for mark in marks)


class Suite:
    """The base of the suites: a class `Test...` that derives from one and overrides its fixtures runs all its tests.

    A test of a suite cannot be overridden, except by one that is marked `xfail(reason=...)`: who certifies a plugin
    says in the open what it does not do.
    """

    __test__ = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a subclass that leaves out standard tests silently.

        Raises:
            TypeError: it overrides one without `xfail(reason=...)`.
        """
        super().__init_subclass__(**kwargs)
        for name, test in vars(cls).items():
            standard = any(name in vars(base) for base in cls.__mro__[1:])
            if name.startswith("test") and standard and not _may_stand(test):
                raise TypeError(
                    f"{cls.__name__}.{name} overrides a standard test; mark it xfail(reason=...) to say why"
                )
        cls.__test__ = cls.__name__.startswith("Test")
