"""The operations on downloads: plan, start, list, status, pause, resume, cancel, limit."""

from __future__ import annotations

from litestar import Response, Router, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody

from papin import names
from papin.answers import DownloadPlan
from papin.errors import NameInvalid
from papin.models import Job
from papin_http._core import PROBLEMS, Asked, kernel_of
from papin_http._shapes import DownloadRequest, Limit, ResumeRequest

__all__ = ["router"]

_PLAN = ResponseSpec(DownloadPlan, description="What it would do, for a dry run.", generate_examples=False)


def _tells_of(job: Job, name: str) -> bool:
    return name in {job.id, job.subject, job.model}


def _check_path(ref: str) -> None:
    parsed = names.parse(ref)
    if isinstance(parsed, names.PathRef) and not parsed.path.startswith("/"):
        raise NameInvalid(
            f"The path {parsed.path!r:.80} is relative to a folder that the server does not know.",
            next_step="Give the whole path of the file.",
        )


@post("/", operation_id="startDownload", status_code=202, responses=PROBLEMS | {200: _PLAN})
async def start(
    request: Asked, data: JSONBody[DownloadRequest], *, dry_run: FromQuery[bool] = False
) -> Response[Job | DownloadPlan]:
    """Start a download; it is recorded when this answers, and goes on by itself.

    A `provider` has the model too in the end, without a second copy.

    With `dry_run` nothing begins: 200 and the plan, with sizes, what is here already, and whether the rest fits.
    """
    ref, name = (data.url, data.name or data.ref) if data.url else (data.ref, data.name)
    kernel = kernel_of(request)
    _check_path(ref)
    if dry_run:
        plan = await kernel.downloads.plan(ref, name=name or None, sha256=data.sha256 or None, share_with=data.provider)
        return Response(plan, status_code=200)
    job = await kernel.downloads.start(
        ref,
        name=name or None,
        sha256=data.sha256 or None,
        limit=data.limit,
        between=data.between,
        share_with=data.provider,
    )
    return Response(job, headers={"Location": f"/api/v1/downloads/{job.id}"})


@get("/", operation_id="listDownloads", responses=PROBLEMS)
async def list_all(request: Asked, model: FromQuery[str] = "") -> tuple[Job, ...]:
    """List the downloads; `model` keeps those of one id, reference or address."""
    jobs = await kernel_of(request).downloads.list()
    return tuple(job for job in jobs if not model or _tells_of(job, model))


@get("/{download:str}", operation_id="downloadStatus", responses=PROBLEMS)
async def status(request: Asked, download: FromPath[str]) -> Job:
    """Show a download by its own id, or the newest one of a model's id or reference."""
    return await kernel_of(request).downloads.status(download)


@post("/{download:str}/cancel", operation_id="cancelDownload", status_code=200, responses=PROBLEMS)
async def cancel(request: Asked, download: FromPath[str], *, discard: FromQuery[bool] = False) -> Job:
    """Cancel a download; what arrived is kept for the next try, or removed with `discard`."""
    return await kernel_of(request).downloads.cancel(download, discard=discard)


@post("/{download:str}/pause", operation_id="pauseDownload", status_code=200, responses=PROBLEMS)
async def pause(request: Asked, download: FromPath[str]) -> Job:
    """Stop a download for now; it goes on only when it is resumed, not by a restart."""
    return await kernel_of(request).downloads.pause(download)


@post("/{download:str}/resume", operation_id="resumeDownload", status_code=202, responses=PROBLEMS)
async def resume(request: Asked, download: FromPath[str], data: JSONBody[ResumeRequest | None] = None) -> Job:
    """Go on with a download that was paused, interrupted, cancelled or failed; the server does it from now on."""
    asked = data or ResumeRequest()
    return await kernel_of(request).downloads.resume(download, limit=asked.limit, between=asked.between)


@post("/{download:str}/limit", operation_id="limitDownload", status_code=200, responses=PROBLEMS)
async def limit(request: Asked, download: FromPath[str], data: JSONBody[Limit]) -> Job:
    """Limit how fast a download is; it holds at once, whichever process runs it."""
    job = await kernel_of(request).downloads.limit(data.limit, download)
    assert job is not None
    return job


@get("/limit", operation_id="showDownloadLimit", responses=PROBLEMS)
async def show_limit(request: Asked) -> Limit:
    """Tell how fast all downloads together may be."""
    return Limit(limit=await kernel_of(request).downloads.limit_of_all())


@post("/limit", operation_id="limitDownloads", status_code=200, responses=PROBLEMS)
async def limit_all(request: Asked, data: JSONBody[Limit]) -> Limit:
    """Limit how fast all downloads together are, in whichever processes they run; it holds at once."""
    await kernel_of(request).downloads.limit(data.limit)
    return data


router = Router(
    path="/downloads",
    route_handlers=[start, list_all, status, cancel, pause, resume, limit, show_limit, limit_all],
    tags=["downloads"],
)
