"""Which job is meant, where it is not called by its id."""

from __future__ import annotations

from papin._operations._wanted import as_asked
from papin._registry import Read
from papin.errors import NotFound
from papin.models import Job


def brought(read: Read) -> tuple[Job, ...]:
    """Return the downloads and imports that are remembered, the oldest first."""
    return tuple([job for job in read.jobs() if job.kind in ("download", "import")])


def find_called(read: Read, text: str) -> Job:
    """Return the job of that id, or the only one whose id begins so; or else the last one that is called so.

    Raises:
        NotFound, Ambiguous: none, or several ids begin so.
    """
    try:
        return read.job(text)
    except NotFound:
        for job in reversed(brought(read)):
            # The name is asked for, as a model has it only once it is installed.
            names = (job.model, job.subject, job.subject.rpartition(":")[2], as_asked(read.job_request(job.id)).name)
            if text and text in names:
                return job
        raise
