"""From what a person types to what is to be installed, and the plan of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from papin import names
from papin.answers import DownloadPlan, PlannedFile
from papin.errors import Conflict, FormatInvalid, NameInvalid, NotFound
from papin.formats import FileSet, Format
from papin.models import FileSource, HttpSource, Variant, WantedFile
from papin.names import PathRef, UrlRef
from papin.storages import Account


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


def variant_of_path(path: Path, sha256: str | None, formats: tuple[Format, ...]) -> Variant:
    """Return what a file of this machine stands for: itself, or all parts of the model that it is one of. Blocks.

    Raises:
        NotFound: there is no such file, or a part is missing.
        FormatInvalid: two files claim to be the same part.
    """
    parts = part_names(existing(path), formats)
    files = []
    for name in parts.files:
        each = path.with_name(name)
        digest = sha256 if len(parts.files) == 1 else None
        source = FileSource(path=str(each.absolute()))
        size = each.stat().st_size
        files.append(WantedFile(name=names.make_file_name(name), sources=(source,), size=size, sha256=digest))
    return Variant(ref="", catalog="", name=parts.name, variant="", files=tuple(files))


def part_names(path: Path, formats: tuple[Format, ...]) -> FileSet:
    """Return the set that a file belongs to by its name and those beside it; alone it is a set of one. Blocks."""
    beside = sorted(each.name for each in path.parent.iterdir())
    for each in formats:
        sets = each.group(beside) if each.group else ()
        found = next((one for one in sets if path.name in (*one.files, *one.extra)), None)
        if found is None or (len(found.files) == 1 and found.complete):
            continue
        if found.missing:
            raise NotFound(
                f"{', '.join(found.missing)} is missing beside {path.name}",
                next_step="Put all parts of the model into one folder.",
            )
        if found.extra:
            raise FormatInvalid(
                f"{', '.join(found.extra)} claims to be a part that is there already",
                next_step="Leave one file for each part in the folder.",
            )
        return found
    return FileSet(name=path.name, files=(path.name,))


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
