"""The seven hooks of papin. Hooks register, objects act.

A plugin is a distribution with an entry point in the group `papin`, whose value is a light module:

    [project.entry-points.papin]
    acme = "papin_acme.plugin"

Functions of that module that carry `@hookimpl` and the name of a hook are called once, when the kernel opens, each
under a guard of its own. They take no arguments, are sync, do no I/O, import nothing heavy, and yield frozen
descriptors. Everything that can block is a method of the object that a descriptor opens.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from papin.catalogs import Catalog
    from papin.formats import Format
    from papin.frontends import Frontend
    from papin.policies import CleanupPolicy
    from papin.providers import Provider
    from papin.recommenders import Recommender
    from papin.storages import Storage

__all__ = ["PROJECT", "HookSpecs", "hookimpl", "hookspec"]

PROJECT = "papin"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HookSpecs:
    """The hooks; each one's docstring is a complete example."""

    @hookspec
    def papin_providers(self) -> Iterable[Provider]:
        """Register programs that run or keep models."""
        raise NotImplementedError

    @hookspec
    def papin_catalogs(self) -> Iterable[Catalog]:
        """Register places where models can be discovered."""
        raise NotImplementedError

    @hookspec
    def papin_formats(self) -> Iterable[Format]:
        """Register model file formats."""
        raise NotImplementedError

    @hookspec
    def papin_storages(self) -> Iterable[Storage]:
        """Register places where model bytes live."""
        raise NotImplementedError

    @hookspec
    def papin_cleanup_policies(self) -> Iterable[CleanupPolicy]:
        """Register rules for what may be removed."""
        raise NotImplementedError

    @hookspec
    def papin_recommenders(self) -> Iterable[Recommender]:
        """Register ways to rank models for this machine and user."""
        raise NotImplementedError

    @hookspec
    def papin_frontends(self) -> Iterable[Frontend]:
        """Register ways to talk to papin."""
        raise NotImplementedError
