"""The tables. Whoever changes them, or what stands in them, raises `VERSION`.

An index of another version is not read and is made anew.
"""

from __future__ import annotations

from typing import Final

__all__ = ["FILE_NAME", "STATEMENTS", "VERSION"]

VERSION: Final = 8

FILE_NAME: Final = f"catalogs.{VERSION}.db"

# `state` is what the catalog told last; `problem` why its last refresh failed, beside what it told before.
_CATALOGS = """
CREATE TABLE catalogs (
    name TEXT PRIMARY KEY,
    prefix TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT '',
    refreshed_at INTEGER,
    problem BLOB
) WITHOUT ROWID
"""

# What is filtered and sorted by, in narrow rows. Texts that repeat are numbers of `facets`; sets of them (`can`,
# `formats`, `quants`) have a bit each. `parameters` and `largest` are those of the smallest and the largest size that a
# model comes in. `need` is the memory of the smallest variant, `size` its bytes on disk.
_ENTRIES = """
CREATE TABLE entries (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    catalog INTEGER NOT NULL,
    name TEXT NOT NULL,
    card INTEGER NOT NULL,
    identity TEXT NOT NULL,
    arch INTEGER NOT NULL,
    license INTEGER NOT NULL,
    publisher INTEGER NOT NULL,
    access INTEGER NOT NULL,
    can INTEGER NOT NULL,
    formats INTEGER NOT NULL,
    quants INTEGER NOT NULL,
    parameters INTEGER,
    largest INTEGER,
    context INTEGER,
    need INTEGER,
    size INTEGER,
    downloads INTEGER NOT NULL,
    likes INTEGER NOT NULL,
    trending REAL NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
)
"""

_DETAILS = """
CREATE TABLE details (
    key INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    about TEXT NOT NULL,
    entry BLOB NOT NULL
)
"""

# Neither positions of words are kept nor how many an entry has: nobody searches for phrases, and nothing is ranked by
# how often a word comes.
_WORDS = """
CREATE VIRTUAL TABLE words USING fts5(
    title, about, content = 'details', content_rowid = 'key', detail = 'column', columnsize = 0,
    tokenize = "unicode61 remove_diacritics 2"
)
"""

_FACETS = """
CREATE TABLE facets (
    facet TEXT NOT NULL,
    value TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (facet, value)
) WITHOUT ROWID
"""

# The sets of entries for each value that is filtered by: `_postings` tells their form.
_POSTINGS = """
CREATE TABLE postings (
    facet TEXT NOT NULL,
    number INTEGER NOT NULL,
    block INTEGER NOT NULL,
    bits BLOB NOT NULL,
    PRIMARY KEY (facet, number, block)
) WITHOUT ROWID
"""

# The first eight bytes of the digests of weights: the same file is the same model, whatever it is called.
_DIGESTS = "CREATE TABLE digests (digest INTEGER, entry INTEGER, PRIMARY KEY (digest, entry)) WITHOUT ROWID"

# What files said of themselves, by digest, or by address and validator where nobody told their digests.
_HEADERS = "CREATE TABLE headers (file TEXT PRIMARY KEY, header BLOB NOT NULL) WITHOUT ROWID"

# The last check for updates of each installed model that found one.
_UPDATES = "CREATE TABLE updates (model TEXT PRIMARY KEY, offer BLOB NOT NULL) WITHOUT ROWID"

# What searching needs to know of this machine, as the kernel found it last.
_HERE = "CREATE TABLE here (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"

# Narrow, since a page of a refresh lands all over each of them: what they do not hold is looked up for what is shown.
_SORTED: Final = ("downloads", "likes", "trending", "created", "updated")
"""The columns whose order can be walked, largest first."""

STATEMENTS: Final = (
    _CATALOGS,
    _ENTRIES,
    "CREATE INDEX entries_by_name ON entries (lower(name), catalog)",
    "CREATE INDEX entries_by_card ON entries (card)",
    "CREATE INDEX entries_by_identity ON entries (identity)",
    "CREATE INDEX entries_by_publisher ON entries (publisher)",
    "CREATE INDEX entries_by_parameters ON entries (parameters IS NULL, parameters)",
    *(f"CREATE INDEX entries_by_{column} ON entries ({column} DESC)" for column in _SORTED),
    _DETAILS,
    _WORDS,
    # Merged less often than usual (at four): a build writes a hundred pages, and a search takes as long.
    "INSERT INTO words (words, rank) VALUES ('automerge', 8)",
    "CREATE VIRTUAL TABLE terms USING fts5vocab(words, 'row')",
    _FACETS,
    _POSTINGS,
    "CREATE UNIQUE INDEX facets_by_number ON facets (facet, number)",
    _DIGESTS,
    "CREATE INDEX digests_by_entry ON digests (entry)",
    _HEADERS,
    _UPDATES,
    _HERE,
)
