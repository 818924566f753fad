from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

from papin._plugins.installed import EntryPoint, entry_points


def test_entry_points_of_a_folder_are_sorted_and_tell_their_distribution(site):
    site.install("zeta", distribution="papin-zeta", version="2.1rc1", module="zeta_plugin")
    site.install("acme", distribution="papin-acme", version="1.0", module="acme_plugin")
    assert entry_points([site.folder]) == [
        EntryPoint("acme", "acme_plugin", "papin-acme", "1.0"),
        EntryPoint("zeta", "zeta_plugin", "papin-zeta", "2.1rc1"),
    ]


def test_it_finds_what_importlib_finds():
    theirs = importlib.metadata.entry_points(group="papin")
    expected = {(each.name, each.value, each.dist.name, each.dist.version) for each in theirs}
    assert expected
    assert set(entry_points()) == expected


def test_the_first_of_two_versions_counts(site, tmp_path):
    site.install("acme", module="acme_one")
    (tmp_path / "later").mkdir()
    later = type(site)(tmp_path / "later")
    later.install("acme", version="2.0", module="acme_two")
    assert [each.version for each in entry_points([site.folder, later.folder])] == ["1.0"]
    assert [each.version for each in entry_points([later.folder, site.folder])] == ["2.0"]


def test_what_is_no_entry_point_is_passed_over(site):
    folder = Path(site.folder)
    for name, data in {
        "binary": b"\xff\xfe[papin]\nx = y\n",
        "empty": b"",
        "commented": b"[papin]\n# a = b\n; c = d\nnonsense\n",
        "others": b"[papin.extra]\na = b\n[other]\nc = d\n",
    }.items():
        info = folder / f"{name}-1.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_bytes(data)
    (folder / "bare-1.dist-info").mkdir()
    (folder / "file-1.dist-info").write_text("")
    (folder / "linked-1.dist-info").symlink_to(folder / "nowhere")
    assert entry_points([site.folder, str(folder / "missing"), str(folder / "file-1.dist-info")]) == []


def test_extras_behind_a_value_do_not_matter(site):
    site.install("acme", value="acme_plugin:plugin [extra]")
    assert entry_points([site.folder])[0].value == "acme_plugin:plugin"


def test_an_empty_entry_of_the_path_is_the_current_folder(site, monkeypatch):
    site.install("acme", module="acme_here")
    monkeypatch.chdir(site.folder)
    assert [each.name for each in entry_points([""])] == ["acme"]
    assert "acme_here" not in sys.modules
