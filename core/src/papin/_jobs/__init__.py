"""Jobs: long operations that are recorded before they begin and survive their process.

Each one is a task with a cancel scope of its own in the kernel's job nursery, holds a lock of its own between
processes, and ends in exactly one way, recorded together with the event that tells of it: completed, failed,
cancelled by the user (of any process), or interrupted, and then it can be resumed.
"""

from papin._jobs._handle import JobHandle
from papin._jobs._jobs import Body, Jobs
from papin._jobs._ledger import Ledger
from papin._jobs._watch import Wakeups, folder_errors

__all__ = ["Body", "JobHandle", "Jobs", "Ledger", "Wakeups", "folder_errors"]
