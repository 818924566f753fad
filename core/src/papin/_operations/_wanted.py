"""From what a person types to what is to be installed, and the plan of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from papin import names
from papin.answers import DownloadPlan, PlannedFile
from papin.errors import Conflict, NameInvalid, NotFound
from papin.models import FileSource, HttpSource, Variant, WantedFile
from papin.names import PathRef, UrlRef
from papin.storages import Account

_SHARD = re.compile(r"-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<tail>\.[A-Za-z0-9]+)$")
_MOST_SHARDS = 1000


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked for, as a job keeps it: enough to do it again in another process."""

    ref: str
    name: str | None = None
    sha256: str | None = None


def check_request(request: Request) -> Request:
    """Return `request` if its name and digest are well formed.

    Raises:
        NameInvalid: they are not.
    """
    if request.name is not None:
        names.check(request.name, "id")
    if request.sha256 is not None:
        names.check(request.sha256, "digest")
    return request


def variant_of_url(ref: UrlRef, sha256: str | None) -> Variant:
    """Return what an address that the user typed stands for: one file of unknown size."""
    name = names.make_file_name(urlsplit(ref.url).path or "model")
    source = HttpSource(url=ref.url, user_named=True)
    wanted = WantedFile(name=name, sources=(source,), sha256=sha256)
    return Variant(ref=ref.url, catalog="", name=name, variant="", files=(wanted,))


def variant_of_path(path: Path, sha256: str | None) -> Variant:
    """Return what a file of this machine stands for: itself, or all shards of the model that it is one of. Blocks.

    Raises:
        NotFound: there is no such file, or a shard is missing.
    """
    shards = shard_names(path.name)
    files = []
    for name in shards or (path.name,):
        each = path.with_name(name)
        if not each.exists():
            what = f"{each.name}, a shard of {path.name}, is missing" if shards else f"there is no file {each}"
            raise NotFound(what, next_step="Check the path; all shards must lie in one folder.")
        source = FileSource(path=str(each.absolute()))
        digest = sha256 if not shards else None
        size = each.stat().st_size
        files.append(WantedFile(name=names.make_file_name(name), sources=(source,), size=size, sha256=digest))
    return Variant(ref="", catalog="", name=_SHARD.sub("", path.name), variant="", files=tuple(files))


def shard_names(name: str) -> tuple[str, ...]:
    """Return the names of all shards of the set that `name` is one of (`m-00001-of-00003.gguf`), or nothing."""
    found = _SHARD.search(name)
    if found is None:
        return ()
    count = int(found["count"])
    if not 1 <= int(found["number"]) <= count <= _MOST_SHARDS:
        raise NameInvalid(f"{name} is no shard of a whole set", next_step="Import the first shard of the set.")
    stem, tail = name[: found.start()], found["tail"]
    return tuple(f"{stem}-{number:05d}-of-{count:05d}{tail}" for number in range(1, count + 1))


def promise(variant: Variant, sha256: str | None) -> Variant:
    """Return `variant` with the digest that the user promised, which must be that of its only file.

    Raises:
        Conflict: it has several files, or the catalog promises another digest.
    """
    if sha256 is None:
        return variant
    if len(variant.files) != 1 or variant.files[0].sha256 not in (None, sha256):
        raise Conflict(f"{variant.ref} is not the file with that digest", next_step="Leave --sha256 out.")
    return msgspec.structs.replace(variant, files=(msgspec.structs.replace(variant.files[0], sha256=sha256),))


def check_files(variant: Variant) -> Variant:
    """Return `variant` if its files can lie side by side.

    Raises:
        NameInvalid: it has no files, two of one name, or a name that is no plain file name.
    """
    seen: set[str] = set()
    for file in variant.files:
        folded = names.check(file.name, "file").lower()
        if folded in seen:
            raise NameInvalid(f"two files of it are called {file.name}", next_step="Choose another variant.")
        seen.add(folded)
        if file.sha256 is not None:
            names.check(file.sha256, "digest")
    if not seen:
        raise NameInvalid(f"{variant.ref} has no files", next_step="Choose another variant.")
    return variant


def make_plan(
    variant: Variant, model: str, present: Mapping[str, int], account: Account, installed: str = ""
) -> DownloadPlan:
    """Return the plan of a download; `present` says for digests how many bytes of them are here already."""
    files = tuple(
        PlannedFile(name=file.name, size=file.size, present=present.get(file.sha256 or "", 0)) for file in variant.files
    )
    size = variant.size
    fetch = None if size is None else size - sum(file.present for file in files)
    limit_left = account.free if account.limit is None else max(0, account.limit - account.used - account.staging)
    free = max(0, min(account.free - account.reserve, limit_left))
    return DownloadPlan(
        ref=variant.ref,
        model=model,
        files=files,
        size=size,
        fetch=0 if installed else fetch,
        free=free,
        fits=bool(installed) or fetch is None or fetch <= free,
        installed=installed,
    )


def existing(path: Path) -> Path:
    """Return `path` as an absolute one. Blocks.

    Raises:
        NotFound: there is no such file.
    """
    absolute = path.expanduser().absolute()
    if not absolute.exists():
        raise NotFound(f"there is no file {path}", next_step="Check the path; a relative one starts here.")
    return absolute


def path_of(ref: PathRef) -> Path:
    """Return the path that the user typed, with `~` as their home folder."""
    return Path(ref.path).expanduser()
