"""papin.d.ts says exactly what the values of papin are in JSON."""

import re
from dataclasses import fields, is_dataclass
from importlib.resources import files

import msgspec
import pytest

from papin import answers, discovery, errors, events, models
from papin_http import _shapes

TEXT = files("papin_http").joinpath("client", "papin.d.ts").read_text()

STRUCTS = {
    "AvailableModel": _shapes.AvailableModel,
    **{
        each: getattr(discovery, each)
        for each in ("Card", "Found", "Judged", "ModelPage", "Refreshed", "Row", "Source", "Update", "UpdateCheck")
    },
    "DamagedFile": answers.DamagedFile,
    "DownloadPlan": answers.DownloadPlan,
    "DownloadStatus": models.Job,
    "DownloadTerms": _shapes.ResumeRequest,
    "FileSource": models.FileSource,
    "HttpSource": models.HttpSource,
    "InstalledModel": _shapes.InstalledModel,
    "LoadSettings": models.LoadSettings,
    "ModelRegistryEvent": events.Envelope,
    "ModelChanges": _shapes.EditRequest,
    "PackageSource": models.PackageSource,
    "PlannedFile": answers.PlannedFile,
    "Placement": models.Placement,
    "Problem": errors.Problem,
    "Progress": models.Progress,
    "RepairPlan": answers.RepairPlan,
    "Space": answers.Space,
    "Speed": models.Speed,
    "StoredFile": models.StoredFile,
    "Variant": models.Variant,
    "WantedFile": models.WantedFile,
}


def fields_of(struct):
    if is_dataclass(struct):
        return {field.name for field in fields(struct)}
    config = struct.__struct_config__
    own = {field.encode_name for field in msgspec.structs.fields(struct)}
    return own | ({config.tag_field} if config.tag_field else set())


@pytest.mark.parametrize("name", STRUCTS)
def test_an_interface_has_the_fields_of_its_struct(name):
    body = re.search(rf"^export interface {name} \{{\n(.*?)^\}}", TEXT, re.DOTALL | re.MULTILINE).group(1)
    assert set(re.findall(r"^  (\w+)\??:", body, re.MULTILINE)) == fields_of(STRUCTS[name])


def test_every_event_is_there_with_its_fields():
    told = {kind: set(re.findall(r"(\w+):", rest)) for kind, rest in re.findall(r'\| \{ type: "(\w+)"(.*?) \}', TEXT)}
    kinds = [kind for kind in events.Event.__subclasses__() if kind.__module__ == "papin.events"]
    known = {
        kind.__struct_config__.tag: set(kind.__struct_encode_fields__)
        for kind in kinds
        if kind is not events.UnknownEvent
    }
    assert told == known


@pytest.mark.parametrize("name", ["JobState", "Phase", "FileRole"])
def test_the_words_are_the_same(name):
    words = re.search(rf"^export type {name} = (.*?);", TEXT, re.DOTALL | re.MULTILINE).group(1)
    assert tuple(re.findall(r'"([\w-]+)"', words)) == getattr(models, name).__args__
