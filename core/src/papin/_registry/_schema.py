"""The tables, as a list of numbered migrations: version N of the schema is what the first N of them make.

A migration that was ever released is not edited; the next one changes what it made. Times are whole microseconds since
1970 in UTC, so that they sort and lose nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["APPLICATION_ID", "FILE_NAME", "MIGRATIONS", "Migration"]

Migration = Sequence[str]
"""SQL statements, one a string. Each runs inside the migration's transaction, with foreign keys off until its end."""

FILE_NAME: Final = "registry.db"

APPLICATION_ID: Final = int.from_bytes(b"papi")
"""Written into the file's header, so that a database of something else is not taken for ours."""

_MODELS = """
CREATE TABLE models (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE CHECK (id <> ''),
    ref TEXT NOT NULL
)
"""

_VERSIONS = """
CREATE TABLE versions (
    key INTEGER PRIMARY KEY,
    model INTEGER NOT NULL REFERENCES models ON DELETE CASCADE,
    current INTEGER NOT NULL CHECK (current IN (0, 1)),
    installed_at INTEGER NOT NULL,
    source TEXT NOT NULL,
    revision TEXT NOT NULL,
    format TEXT NOT NULL,
    architecture TEXT NOT NULL,
    parameters INTEGER,
    quantization TEXT NOT NULL,
    context_length INTEGER,
    license TEXT NOT NULL,
    capabilities TEXT NOT NULL
)
"""

# A row stays as a leftover when its last user goes, until the storage has removed the payload.
_FILES = """
CREATE TABLE files (
    key INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    storage TEXT NOT NULL,
    size INTEGER NOT NULL CHECK (size >= 0),
    format TEXT NOT NULL,
    UNIQUE (sha256, storage)
)
"""

_MODEL_FILES = """
CREATE TABLE model_files (
    version INTEGER NOT NULL REFERENCES versions ON DELETE CASCADE,
    position INTEGER NOT NULL,
    file INTEGER NOT NULL REFERENCES files,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (version, position)
) WITHOUT ROWID
"""

_PLACEMENTS = """
CREATE TABLE placements (
    model INTEGER NOT NULL REFERENCES models ON DELETE CASCADE,
    position INTEGER NOT NULL,
    provider TEXT NOT NULL,
    reference TEXT NOT NULL,
    how TEXT NOT NULL,
    PRIMARY KEY (model, position)
) WITHOUT ROWID
"""

_USAGE = """
CREATE TABLE usage (
    model INTEGER PRIMARY KEY REFERENCES models ON DELETE CASCADE,
    last_used_at INTEGER,
    uses INTEGER NOT NULL CHECK (uses >= 0)
)
"""

_FAVOURITES = "CREATE TABLE favourites (model INTEGER PRIMARY KEY REFERENCES models ON DELETE CASCADE)"

_TAGS = """
CREATE TABLE tags (
    model INTEGER NOT NULL REFERENCES models ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (model, position)
) WITHOUT ROWID
"""

_COLLECTIONS = """
CREATE TABLE collections (
    model INTEGER NOT NULL REFERENCES models ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (model, position)
) WITHOUT ROWID
"""

# `value` is JSON: SQLite alone would not keep a boolean apart from a number.
_SETTINGS = """
CREATE TABLE settings (
    model INTEGER NOT NULL REFERENCES models ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model, position)
) WITHOUT ROWID
"""

_JOBS = """
CREATE TABLE jobs (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE CHECK (id <> ''),
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    model TEXT NOT NULL,
    progress BLOB,
    error BLOB,
    request BLOB NOT NULL,
    owner_pid INTEGER NOT NULL,
    owner_boot TEXT NOT NULL,
    owner_started INTEGER NOT NULL,
    cancel INTEGER NOT NULL DEFAULT 0 CHECK (cancel IN (0, 1))
)
"""

# AUTOINCREMENT: a number that was given once is never given again, not even after the rows were trimmed.
_EVENTS = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    event BLOB NOT NULL
)
"""

_META = "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"

_FIRST: Migration = (
    _META,
    _MODELS,
    "CREATE INDEX models_by_ref ON models (ref)",
    _VERSIONS,
    "CREATE INDEX versions_by_model ON versions (model)",
    "CREATE UNIQUE INDEX versions_current ON versions (model) WHERE current",
    _FILES,
    _MODEL_FILES,
    "CREATE INDEX model_files_by_file ON model_files (file)",
    _PLACEMENTS,
    _USAGE,
    _FAVOURITES,
    _TAGS,
    _COLLECTIONS,
    _SETTINGS,
    _JOBS,
    "CREATE INDEX jobs_by_state ON jobs (state)",
    _EVENTS,
)

# `pause` is a request, as `cancel` is. The terms of a job (`speed_limit`, `hours`) are changed apart from the rest.
_CONTROL: Migration = (
    "ALTER TABLE jobs ADD COLUMN pause INTEGER NOT NULL DEFAULT 0 CHECK (pause IN (0, 1))",
    "ALTER TABLE jobs ADD COLUMN waiting TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE jobs ADD COLUMN speed_limit INTEGER CHECK (speed_limit > 0)",
    "ALTER TABLE jobs ADD COLUMN hours TEXT NOT NULL DEFAULT ''",
)

# `waits_until` is when the waiting ends, where that is known; `warnings` is a list of sentences, as JSON.
_TOLD: Migration = (
    "ALTER TABLE jobs ADD COLUMN waits_until INTEGER",
    "ALTER TABLE jobs ADD COLUMN warnings BLOB NOT NULL DEFAULT '[]'",
)

# What providers have, as they told it last; what the user says of models that only they have, and when those were used.
# `shares` are those that were begun: a placement takes their place, or the next start takes them back. `mark` is the
# size, time stamp and inode of the file whose digest is known.
_PROVIDERS: Migration = (
    "CREATE TABLE inventories (provider TEXT NOT NULL PRIMARY KEY, inventory BLOB NOT NULL)",
    """
    CREATE TABLE remarks (
        provider TEXT NOT NULL,
        reference TEXT NOT NULL,
        remark BLOB NOT NULL,
        PRIMARY KEY (provider, reference)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE shares (
        provider TEXT NOT NULL,
        name TEXT NOT NULL,
        model TEXT NOT NULL,
        PRIMARY KEY (provider, name)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE hashes (
        path TEXT NOT NULL PRIMARY KEY,
        mark TEXT NOT NULL,
        sha256 TEXT NOT NULL CHECK (length(sha256) = 64)
    ) WITHOUT ROWID
    """,
)

# The CRC-32 of each chunk of a payload, by which damage is found: 4 bytes each, little-endian.
_SUMS: Migration = (
    "CREATE TABLE sums (file INTEGER PRIMARY KEY REFERENCES files ON DELETE CASCADE, sums BLOB NOT NULL)",
)

# How fast weights were measured to be, by their digest: last on each machine that the registry was on.
_SPEEDS: Migration = (
    """
    CREATE TABLE speeds (
        sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
        machine TEXT NOT NULL,
        measured_at INTEGER NOT NULL,
        speed BLOB NOT NULL,
        PRIMARY KEY (sha256, machine)
    ) WITHOUT ROWID
    """,
)

# Where a payload came from: a list of `DownloadSource`, as JSON.
_SOURCES: Migration = (
    "CREATE TABLE sources (file INTEGER PRIMARY KEY REFERENCES files ON DELETE CASCADE, sources BLOB NOT NULL)",
)

MIGRATIONS: Final[Sequence[Migration]] = (_FIRST, _CONTROL, _TOLD, _PROVIDERS, _SUMS, _SPEEDS, _SOURCES)
