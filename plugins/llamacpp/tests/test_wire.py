"""What a llama-server answers, read: pure functions."""

import msgspec
import pytest

from papin_llamacpp._servers.wire import Change, ListedModel, ListedModels, Props, Status, models_folder, parse_change


def props(text):
    return msgspec.json.decode(text, type=Props)


@pytest.mark.parametrize(
    ("text", "is_one", "is_router"),
    [
        ('{"role":"router","build_info":"b1","default_generation_settings":{"params":null,"n_ctx":0}}', True, True),
        ('{"default_generation_settings":{"n_ctx":512},"model_path":"m","build_info":"b1"}', True, False),
        ("{}", False, False),
        ('{"version":"0.9.0"}', False, False),
    ],
)
def test_whose_server_it_is(text, is_one, is_router):
    assert (props(text).is_llama_server, props(text).is_router) == (is_one, is_router)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            '{"default_generation_settings":{"n_ctx":512,"params":{"min_p":0.05000000074505806,"top_k":0,"n_predict":-1}}}',
            {"n_ctx": 512, "top_k": 0, "min_p": 0.05},
        ),
        (
            '{"default_generation_settings":{"params":{"temperature":0.33000001311302185,"seed":7}},"total_slots":4}',
            {"n_parallel": 4, "temperature": 0.33, "seed": 7},
        ),
        (
            '{"default_generation_settings":{"n_ctx":512,"top_p":1,"repeat_penalty":1.1,"seed":4294967295}}',
            {"n_ctx": 512, "top_p": 1.0, "repeat_penalty": 1.1},
        ),
        ('{"role":"router","default_generation_settings":{"params":null,"n_ctx":0}}', {}),
        ('{"default_generation_settings":{"params":{"temperature":"hot","top_k":true,"min_p":[],"seed":1e3}}}', {}),
        ('{"default_generation_settings":{"n_ctx":"many","params":[1]}}', {}),
        (f'{{"default_generation_settings":{{"temperature":1{"0" * 400}}}}}', {}),
        ("{}", {}),
    ],
)
def test_how_a_server_samples_when_nobody_says(text, found):
    assert props(text).in_force == found


def sent(event, **data):
    return f'data: {{"model":"m","event":"{event}","data":{msgspec.json.encode(data).decode()}}}'


@pytest.mark.parametrize(
    ("line", "change"),
    [
        (sent("model_status", status="loading"), Change(model="m", what="loading")),
        (sent("status_change", status="loaded", info={"meta": {}}), Change(model="m", what="loaded")),
        (sent("status_change", status="sleeping"), Change(model="m", what="sleeping")),
        (sent("status_change", status="unloaded", exit_code=0), Change(model="m", what="unloaded")),
        (sent("status_change", status="unloaded", exit_code=-9), Change(model="m", what="failed", exit_code=-9)),
        (sent("model_status", status="unloaded"), Change(model="m", what="unloaded")),
        (sent("model_status", status="brewing"), None),
        (
            sent("download_progress", u={"done": 1, "total": 2}, v={"done": 3, "total": 4}),
            Change(model="m", what="progress", bytes=(4, 6)),
        ),
        (
            sent("download_progress", progress={"u": {"done": 1, "total": 2}}),
            Change(model="m", what="progress", bytes=(1, 2)),
        ),
        (sent("download_progress", progress=3), None),
        (sent("download_finished"), Change(model="m", what="finished")),
        (sent("download_failed"), Change(model="m", what="broken")),
        ('data: {"model":"*","event":"models_reload"}', Change(model="*", what="list")),
        ("", None),
        (": ping", None),
        ("data: [1, 2]", None),
        ('data: {"model":"\\u001b[2J","event":"models_reload"}', None),
        ("data: " + "[" * 50_000, None),
    ],
)
def test_lines_of_the_event_stream(line, change):
    assert parse_change(line) == change


def listed(name, *args, source="models_dir"):
    return ListedModel(id=name, status=Status(args=["/bin/llama-server", *args]), source=source)


@pytest.mark.parametrize(
    ("models", "folder"),
    [
        ([listed("a", "--model", "/m/a.gguf")], "/m"),
        ([listed("a", "--model", "/m/a/x.gguf")], "/m"),
        ([listed("a", "-m", "/m/a/a-00001-of-00002.gguf")], "/m"),
        ([listed("c", "-hf", "u/r", source="cache"), listed("a", "--model", "/m/a.gguf")], "/m"),
        ([listed("a", "--model", "relative.gguf")], None),
        ([listed("a", "--model", "/else/a.gguf", source="preset")], None),
        ([listed("a", "--model")], None),
        ([], None),
    ],
)
def test_where_a_router_has_its_models(models, folder):
    found = models_folder(tuple(models))
    assert found == (None if folder is None else type(found)(folder))


def test_names_that_cannot_be_shown_are_left_out():
    names = ["a", "", "x" * 600, "\x1b[2J"]
    assert [each.id for each in ListedModels(data=[ListedModel(id=name) for name in names]).models] == ["a"]
    assert ListedModels().models == ()
