"""What both fakes say as the real one does: its recorded answers, with what is the fakes' own put in."""

import json
from pathlib import Path

RECORDED = {
    each["asked"]["name"]: each["body"]
    for each in json.loads((Path(__file__).parent / "data" / "single.json").read_text())
}


def props(name, path, n_ctx, sampling=(), **more):
    settings = RECORDED["props"]["default_generation_settings"]
    settings = {"params": settings["params"] | dict(sampling), "n_ctx": n_ctx}
    own = {"default_generation_settings": settings, "model_alias": name, "model_path": path, "build_info": "b0-fake"}
    return RECORDED["props"] | own | more


def listed(name, n_ctx):
    """Return a model in memory as `/v1/models` lists it."""
    (recorded,) = RECORDED["list"]["data"]
    return recorded | {"id": name, "aliases": [name], "meta": recorded["meta"] | {"n_ctx": n_ctx}}


def slots(count, busy, n_ctx):
    (recorded,) = RECORDED["slots"]
    return [recorded | {"id": number, "n_ctx": n_ctx, "is_processing": number < busy} for number in range(count)]


def ending(what, count):
    """Return what the last piece of an answer of `count` words has besides."""
    timings = RECORDED[what][-2]["timings"] | {"cache_n": 0, "prompt_n": 3, "prompt_ms": 1.5, "predicted_ms": 2.0}
    timings["predicted_n"] = count
    return {"timings": timings} | ({} if what == "chat" else {"usage": RECORDED[what][-2]["usage"]})
