"""PyTorch's own files: what they hold, what their pickles would do, and everything that is wrong with one."""

import io
import pickle
import struct
import zipfile

import pytest

from papin.errors import FormatInvalid
from papin.testing import FormatSuite
from papin.testing.formats import drive
from papin_torch.plugin import papin_formats

FORMAT = next(each for each in papin_formats() if each.name == "pytorch")
MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2)


def text(word):
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def named(module, name):
    return b"c" + f"{module}\n{name}\n".encode()


def tensor(key, count, kind="FloatStorage", *, old=False):
    """Return what pushes a tensor, as torch.save writes it."""
    told = b"(" + text("storage") + named("torch", kind) + text(key) + text("cpu") + b"J" + struct.pack("<i", count)
    told += (b"N" if old else b"") + b"tQ"
    rebuilt = named("torch._utils", "_rebuild_tensor_v2") + b"(" + told + b"K\x00" + b"J" + struct.pack("<i", count)
    return rebuilt + b"\x85K\x01\x85\x89" + named("collections", "OrderedDict") + b")Rt" + b"R"


def state(*pairs, extra=b""):
    """Return the pickle of a state dictionary."""
    items = b"".join(text(name) + value for name, value in pairs)
    return b"\x80\x02" + named("collections", "OrderedDict") + b")Rq\x00(" + items + b"u" + extra + b"."


def archive(data, storages, *, folder="archive", more=(), first="data.pkl"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(f"{folder}/{first}", data)
        made.writestr(f"{folder}/byteorder", "little")
        for key, size in storages.items():
            made.writestr(f"{folder}/data/{key}", bytes(size))
        for name, content in more:
            made.writestr(name, content)
        made.writestr(f"{folder}/version", "3\n")
    return file.getvalue()


WEIGHTS = state(("a", tensor("0", 32, "HalfStorage")), ("b", tensor("1", 3)))
GOOD = archive(WEIGHTS, {"0": 64, "1": 12})


def old(data, *storages):
    parts = [MAGIC, pickle.dumps(1001, 2), pickle.dumps({"little_endian": True}, 2), data, pickle.dumps(["0"], 2)]
    return b"".join(parts) + b"".join(struct.pack("<q", count) + bytes(count * size) for count, size in storages)


OLD = old(state(("a", tensor("0", 5, old=True))), (5, 4))


def verdict(data):
    return drive(FORMAT.read(len(data)), data)


class TestPyTorch(FormatSuite):
    @pytest.fixture
    def descriptor(self):
        return FORMAT

    @pytest.fixture
    def samples(self):
        return GOOD, OLD, state(("epoch", b"K\x05"))


def test_what_an_archive_says():
    header = verdict(GOOD)
    assert (header.version, header.parameters, header.tensors, header.tensor_bytes) == ("archive", 35, 2, 76)
    assert (header.quantization, header.warnings, header.expected_size) == ("F16", (), len(GOOD))


def test_what_the_old_form_says():
    header = verdict(OLD)
    assert (header.version, header.parameters, header.tensor_bytes, header.warnings) == ("pickles", 5, 20, ())
    assert header.expected_size == len(OLD)


def test_two_tensors_of_one_storage_count_once():
    data = archive(state(("a", tensor("0", 4)), ("b", tensor("0", 4))), {"0": 16})
    assert verdict(data).parameters == 4


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        (text("x") + named("os", "system") + b"(" + text("id") + b"tRs", "os.system"),
        (text("x") + named("builtins", "eval") + b"s", "builtins.eval"),
        (text("x") + text("os") + text("system") + b"\x93s", "os.system"),
        (text("x") + text("os") + b"q\x07" + text("system") + b"q\x080h\x07h\x08\x93s", "os.system"),
        (text("x") + text("collections") + b"}s\x93", "a name that it hides"),
        (text("x") + named("torch", "FloatStorage.__init__.__globals__") + b"s", "torch.FloatStorage.__init__"),
        (text("x") + named("a\x1b[2Jb", "c") + b"s", "a name that it hides"),
        (text("x") + b"(" + b"ios\nsystem\n" + b"s", "the opcode INST"),
        (text("x") + named("collections", "OrderedDict") + b")\x81s", "the opcode NEWOBJ"),
        (text("x") + b"\x82\x01s", "the opcode EXT1"),
        (text("x") + b"0" + b"K\x01" * 2 + b"s", "the opcode POP"),
        (text("x") + b"Pmine\ns", "the opcode PERSID"),
        (text("x") + text("mine") + b"Qs", "an object of its own"),
    ],
)
@pytest.mark.parametrize("form", ["archive", "pickles", "pickle"])
def test_what_is_not_known_to_be_harmless_is_told(extra, told, form):
    data = state(extra=extra)
    made = {"archive": archive(data, {}), "pickles": old(data), "pickle": data}[form]
    (warning,) = verdict(made).warnings
    assert warning.startswith("unsafe pickle: ")
    assert told in warning
    assert warning.isprintable()


def test_nothing_in_a_pickle_is_done(tmp_path):
    mark = tmp_path / "done"

    class Evil:
        def __reduce__(self):
            return mark.touch, ()

    for protocol in range(2, 6):
        data = pickle.dumps({"a": Evil()}, protocol)
        assert verdict(data).warnings
        assert verdict(archive(data, {})).warnings
    assert not mark.exists()


def test_code_in_an_archive_is_told():
    header = verdict(archive(WEIGHTS, {"0": 64, "1": 12}, more=[("archive/code/__torch__.py", "import os")]))
    assert "code of its own" in header.warnings[0]


def test_a_danger_in_any_of_the_old_pickles_counts():
    evil = b"\x80\x02" + named("os", "system") + b"."
    data = MAGIC + pickle.dumps(1001, 2) + evil + state() + pickle.dumps([], 2)
    assert "os.system" in verdict(data).warnings[0]


def patched(data, what, put, *, last=False):
    at = data.rindex(what) if last else data.index(what)
    return data[:at] + put + data[at + len(put) :]


TABLE = GOOD.index(b"PK\x01\x02")


@pytest.mark.parametrize(
    "data",
    [
        archive(WEIGHTS, {"0": 63, "1": 12}),
        archive(WEIGHTS, {"0": 64}),
        archive(WEIGHTS[:-1], {"0": 64, "1": 12}),
        archive(WEIGHTS + b"more", {"0": 64, "1": 12}),
        archive(WEIGHTS, {"0": 64, "1": 12}, first="byteorder2"),
        archive(WEIGHTS, {"0": 64, "1": 12}, more=[("other/data.pkl", b"\x80\x02N.")]),
        patched(GOOD, b"archive/data.pkl", b"archive/data.pkX"),
        patched(GOOD, b"archive/data.pkl", b"archive/data.pkX", last=True),
        GOOD + b"more",
        b"PK\x03\x04" + GOOD,
        GOOD[: TABLE + 8] + b"\x01\x00" + GOOD[TABLE + 10 :],
        GOOD[:-6] + struct.pack("<IH", 0, 0),
        GOOD[:-10] + struct.pack("<IIH", 2**31, 7, 0),
        patched(GOOD, b"archive/data.pkl", b"x" * 16)[:26] + b"\xff\xff\xff\xff" + GOOD[30:],
        OLD[:-1],
        old(WEIGHTS, (1 << 20, 0)),
        MAGIC,
        MAGIC + b"\x80\x02" + b"N" * 500_000,
        b"\x80\x02" + b"N" * 500_000 + b".",
        b"\x80\x02X\xff\xff\xff\x7f",
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffN.",
        b"\x80\x02I" + b"9" * 100_000 + b"\n.",
        b"\x80\x02\x8b\xff\xff\xff\xffN.",
        b"neither",
    ],
    ids=range(24),
)
def test_what_is_wrong_is_refused(data):
    with pytest.raises(FormatInvalid):
        verdict(data)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_compressed_archive_is_refused(method):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        made.writestr("archive/data.pkl", WEIGHTS * 10)
    with pytest.raises(FormatInvalid, match="compressed"):
        verdict(file.getvalue())


def test_two_files_of_one_name_are_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("archive/data.pkl", WEIGHTS)
        made.writestr("archive/data.pkX", WEIGHTS)
    with pytest.raises(FormatInvalid):
        verdict(file.getvalue().replace(b"data.pkX", b"data.pkl"))


def test_a_large_archive_is_read_by_its_two_ends():
    storages = {str(number): 400_000 for number in range(40)}
    big = archive(state(*((f"t{key}", tensor(key, 100_000)) for key in storages)), storages)
    asked = []

    class Noted(bytes):
        def __getitem__(self, piece):
            asked.append(piece.stop - piece.start)
            return bytes(self)[piece]

    assert drive(FORMAT.read(len(big)), Noted(big)).parameters == 4_000_000
    assert sum(asked) < 100_000


def test_sixty_five_thousand_files_and_more_than_four_gigabytes():
    storages = {str(number): 1 for number in range(70_000)}
    data = archive(b"\x80\x02}.", storages)
    assert verdict(data).parameters is None


def test_parts_are_one_model():
    names = ["pytorch_model-00002-of-00002.bin", "pytorch_model-00001-of-00002.bin"]
    (found,) = FORMAT.group(names)
    assert found.files == tuple(reversed(names))
    evil = archive(state(extra=text("x") + named("os", "system") + b"s"), {})
    header = FORMAT.join(dict(zip(found.files, (verdict(GOOD), verdict(evil)), strict=True)))
    assert header.parameters == 35
    assert "os.system" in header.warnings[0]
    with pytest.raises(FormatInvalid):
        FORMAT.join({names[0]: verdict(GOOD)})
