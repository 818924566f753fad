"""From what a person types to what is to be installed, and the plan of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from papin import names
from papin.answers import DownloadPlan, PlannedFile, Space
from papin.errors import Conflict, FormatInvalid, NameInvalid, NotFound
from papin.formats import FileSet, Format
from papin.models import FileSource, HttpSource, Model, Variant, WantedFile
from papin.names import PathRef, UrlRef
from papin.storages import Room


class Arrived(msgspec.Struct, frozen=True):
    """What a file turned out to be of which nobody had promised a digest; `etag` is the validator of its server."""

    sha256: str
    size: int
    etag: str = ""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked for, as a job keeps it: enough to do it again in another process.

    With a `provider`, `ref` is that program's own name for a model that it has. `replaces` is the id of the model of
    which this is to be the new version, `share_with` a provider that is to have it too. `repairs` is the id of a model
    and `damaged` are the digests of those of its files that are to be brought in again. `staged` are the keys under
    which its files arrive, once they are known, so that what arrived can be discarded without asking anybody. `arrived`
    are those of which nobody knew the digest before, by these keys.
    """

    ref: str
    name: str | None = None
    sha256: str | None = None
    provider: str = ""
    through: bool = False
    replaces: str = ""
    share_with: str = ""
    repairs: str = ""
    damaged: tuple[str, ...] = ()
    staged: tuple[str, ...] = ()
    arrived: dict[str, Arrived] = {}

    @property
    def keeps(self) -> frozenset[str]:
        """The keys and the digests of what is kept for it."""
        return frozenset([*self.staged, *(each.sha256 for each in self.arrived.values())])


def as_asked(blob: bytes) -> Request:
    """Return the request that a job keeps."""
    return msgspec.json.decode(blob, type=Request)


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


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What is here of a wanted file: all of it, which the models `users` use, or `partial` bytes of it.

    Or so many of its bytes, `reused`, are likely in the file that it replaces.
    """

    is_whole: bool = False
    users: tuple[str, ...] = ()
    partial: int = 0
    reused: int = 0


def fetched_before(variant: Variant, models: Iterable[Model]) -> tuple[Model, ...]:
    """Return the models that came from the address that `variant` is, of which nobody promised a digest."""
    if variant.catalog or not variant.ref or len(variant.files) != 1 or variant.files[0].sha256 is not None:
        return ()
    return tuple(model for model in models if model.ref == variant.ref and model.revision and len(model.files) == 1)


def recognised(variant: Variant, etag: str, before: Sequence[Model]) -> Variant:
    """Return `variant` with the digest of what was fetched `before`, if its server says that it still is the same."""
    same = [model for model in before if model.revision == etag]
    if not same:
        return variant
    file = msgspec.structs.replace(variant.files[0], sha256=same[0].files[0].sha256)
    return msgspec.structs.replace(variant, files=(file,))


def as_arrived(variant: Variant, arrived: Mapping[str, Arrived]) -> Variant:
    """Return `variant` with what those of its files are that arrived before, by their names."""
    files = tuple(
        msgspec.structs.replace(file, sha256=came.sha256, size=came.size) if (came := arrived.get(file.name)) else file
        for file in variant.files
    )
    etags = [each.etag for each in arrived.values()] if len(files) == 1 else []
    return msgspec.structs.replace(variant, files=files, revision=variant.revision or "".join(etags))


def make_plan(
    variant: Variant,
    sizes: Mapping[str, int | None],
    held: Mapping[str, Held],
    room: Room,
    *,
    model: str,
    installed: str = "",
) -> DownloadPlan:
    """Return the plan of a download from the sizes of its files, what is held of each, and the room that there is."""
    files = tuple(_planned(file, sizes[file.name], held[file.name]) for file in variant.files)
    known = [file.size for file in files if file.size is not None]
    size = sum(known) if len(known) == len(files) else None
    fetch = None if size is None else size - sum(file.present + file.partial + file.reused for file in files)
    space = Space(
        path=room.path,
        free=room.free,
        reserve=room.reserve,
        promised=room.promised,
        limit=room.limit,
        used=room.used,
        usable=max(0, room.left),
    )
    return DownloadPlan(
        ref=variant.ref,
        model=model,
        files=files,
        size=size,
        fetch=0 if installed else fetch,
        spaces=(space,),
        free=space.usable,
        fits=bool(installed) or _written(variant, files) <= space.usable,
        installed=installed,
    )


def _planned(file: WantedFile, size: int | None, held: Held) -> PlannedFile:
    if held.is_whole:
        return PlannedFile(name=file.name, size=size, present=size or 0, shared_with=held.users)
    if held.reused:
        # What is there of it was copied when the process was killed, and that is done again.
        return PlannedFile(name=file.name, size=size, reused=held.reused)
    return PlannedFile(name=file.name, size=size, partial=held.partial if size is None else min(size, held.partial))


def _written(variant: Variant, files: Sequence[PlannedFile]) -> int:
    """Return the bytes that would be written, as far as the sizes are known: a file of this machine is linked."""
    wanted = {file.name: file.size or 0 for file in files} | {
        each.name: 0 for each in variant.files if all(isinstance(source, FileSource) for source in each.sources)
    }
    return sum(max(0, wanted[file.name] - file.present - file.partial) for file in files)


def existing(path: Path) -> Path:
    """Return `path` as an absolute one. Blocks.

    Raises:
        NotFound: there is no such file.
        NameInvalid: it is a folder, or its name is no text, so that no job could keep it.
    """
    absolute = path.expanduser().absolute()
    if not str(absolute).isprintable():
        raise NameInvalid(
            f"{str(absolute)!a} holds bytes that are no text, or characters that cannot be seen",
            next_step="Give the file, or the folder that it is in, another name.",
        )
    if not absolute.exists():
        raise NotFound(f"there is no file {path}", next_step="Check the path; a relative one starts here.")
    if absolute.is_dir():
        step = f"Give the path of a model file; a folder of them is a catalog: papin catalogs add NAME {absolute}"
        raise NameInvalid(f"{path} is a folder, not a file", next_step=step)
    return absolute


def path_of(ref: PathRef) -> Path:
    """Return the path that the user typed, with `~` as their home folder."""
    return Path(ref.path).expanduser()
