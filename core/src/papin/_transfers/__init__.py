"""Transfers: one wanted file from its sources into a storage, fast, resumable, verified, durable.

The order is never another one: reserve, write to the staging area, fsync, verify, have the storage admit it. A killed
process loses what it had received and not written and noted yet, at most 16 MiB on any number of connections, and what
lay in the buffers of its sockets. A power cut costs what was not durable too: that is seen to after 16 MiB or a second,
and no more than 64 MiB are written before it is done. A file from the network is cut into chunks, which several
connections may fetch at the same time:

    _fetch      what is there already, then the sources in their order: `_local` ones, or the addresses as `_mirrors`
    _graft      a file of which only the beginning is new: that in `_parts`, the rest from the version here, its `_base`
    _mend       a payload here that is damaged: what is right of it is taken over; both read what is `_here`
    _engine     one file from its mirrors: sessions, one after the other, until everything is there
    _swarm      one session: its connections, each a `_body` after the other; `_lanes` decides how many, `_hosts` bounds
    _processor  whether it is not the network that is slow
    _asker      one request; `_judge` decides what its answer means and whether it may be joined to what is there
    _pipe       what follows behind the connections, overlapping: writing, making durable, hashing in order (`_hasher`)
    _ledger     which chunks are there, on their way, or free
    _payload    the bytes on disk (`_data`); `_notes` what is known of them, from which another process resumes
    _sums       what is kept of a payload, by which damage to it is found later
    _pace       a limit on the speed, by a `_bucket`; `_retry` when to try again; `_meter` the progress

`_lanes`, `_ledger` and `_judge` decide and touch nothing.
"""

from papin._transfers._base import Base
from papin._transfers._bucket import SharedBucket
from papin._transfers._fetch import Fetched, fetch, staging_key
from papin._transfers._graft import likely
from papin._transfers._judge import refuse_web_page, strong_etag
from papin._transfers._mend import Damaged
from papin._transfers._meter import Meter
from papin._transfers._pace import Pace
from papin._transfers._received import Received
from papin._transfers._sums import Digest

__all__ = [
    "Base",
    "Damaged",
    "Digest",
    "Fetched",
    "Meter",
    "Pace",
    "Received",
    "SharedBucket",
    "fetch",
    "likely",
    "refuse_web_page",
    "staging_key",
    "strong_etag",
]
