"""What removing a model frees and what stays, and why: the plan is pure, the sweep carries it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from papin._operations._services import Services
from papin.answers import KeptFile, RemovalPlan
from papin.models import Model


def plan_removal(
    model: Model, users: Mapping[str, Sequence[str]], frees: Mapping[str, int], loaded_by: Sequence[str]
) -> RemovalPlan:
    """Return the plan; `users` says for each digest which models use it, `frees` what the storage would free."""
    keeps, freed = [], {}
    for file in model.files:
        others = [user for user in users.get(file.sha256, ()) if user != model.id]
        freed[file.sha256] = 0 if others else frees.get(file.sha256, 0)
        if freed[file.sha256] < file.size:
            reason = f"{', '.join(sorted(others))} uses it too" if others else "a file outside papin shares its bytes"
            keeps.append(KeptFile(name=file.name, size=file.size, reason=reason))
    return RemovalPlan(
        model=model.id, frees=sum(freed.values()), keeps=tuple(keeps), loaded_by=tuple(sorted(loaded_by))
    )


async def sweep(services: Services, unused: Sequence[tuple[str, str]]) -> int:
    """Remove the payloads that no model uses, given as (storage, digest); return the bytes freed.

    Call it while `services.committing()` is held. The registry keeps them as leftovers until their payloads are gone,
    so that a crash in between loses no space: the next start sweeps them.
    """
    freed = 0
    for name, sha256 in unused:
        storage = await services.storage(name)
        freed += await storage.remove(sha256)
        await services.records.change(lambda write, sha256=sha256: write.drop_leftover(sha256))  # type: ignore[misc]
    return freed
