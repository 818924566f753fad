"""The suite for model formats.

    class TestMine(FormatSuite):
        @pytest.fixture
        def descriptor(self) -> Format:
            return next(iter(papin_formats()))

        @pytest.fixture
        def samples(self) -> tuple[bytes, ...]:
            return (a_small_file(), another_one())

Without `samples` only what needs no file is tested.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from papin.errors import FormatInvalid
from papin.formats import HEAD, Format, Reading, Span, read_file, recognise
from papin.models import Header
from papin.testing._suite import Suite

__all__ = ["FormatSuite", "drive"]

_STRANGERS = (
    b"",
    b"\0",
    b"\x89PNG\r\n\x1a\n",
    b"PK\x03\x04",
    b"%PDF-1.7",
    b"<!DOCTYPE html><html>",
    b'{"error": "not found"}',
    b"version https://git-lfs.github.com/spec/v1\n",
    b"\0" * HEAD,
    b"\xff" * HEAD,
)
_FLIPS = 300
_CUTS = 200
_STEPS = 10_000


def drive(reading: Reading, data: bytes, *, most: int = _STEPS) -> Header:
    """Read `data` with `reading`; every span that it asks for is checked, and there may be at most `most` of them.

    Raises:
        FormatInvalid: the reader refuses the data.
        AssertionError: it asks for nothing, for what is not there, or for too much.
    """
    try:
        span = next(reading)
        for _ in range(most):
            span = reading.send(_piece(data, span))
    except StopIteration as done:
        header: Header = done.value
        return header
    raise AssertionError(f"the reader asked for more than {most} spans")


def _piece(data: bytes, span: Span) -> bytes:
    assert span.length > 0, f"it asks for nothing: {span}"
    assert span.offset >= 0, f"it asks for what is before the file: {span}"
    assert span.offset + span.length <= len(data), f"it asks for what is behind the file of {len(data)}: {span}"
    return data[span.offset : span.offset + span.length]


def _verdict(descriptor: Format, data: bytes) -> Header | None:
    """Return the header, or None when the file is refused; anything else is raised."""
    try:
        return drive(descriptor.read(len(data)), data)
    except FormatInvalid as error:
        refusal = error
    assert refusal.message
    assert refusal.next_step, f"the refusal {refusal.message!r} does not say what to do next"
    return None


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _texts(key)
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


class FormatSuite(Suite):
    """What every format does. Override `descriptor` and `samples`."""

    @pytest.fixture
    def descriptor(self) -> Format:
        """Return the descriptor under test."""
        raise NotImplementedError(f"{type(self).__name__} must override the fixture `descriptor`")

    @pytest.fixture
    def samples(self) -> tuple[bytes, ...]:
        """Return whole, valid files of the format, small ones (up to some kB), as different as they can be."""
        pytest.skip("override the fixture `samples` to have the reading tested too")

    def test_descriptor_is_plain(self, descriptor: Format) -> None:
        """Name and suffixes are lower-case words."""
        assert descriptor.name.isidentifier()
        assert descriptor.name == descriptor.name.lower()
        assert descriptor.summary
        assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in descriptor.suffixes)

    def test_recognises_its_own(self, descriptor: Format, samples: tuple[bytes, ...]) -> None:
        """The first bytes of every sample are its format's."""
        assert samples
        assert all(recognise((descriptor,), sample[:HEAD]) is descriptor for sample in samples)

    @pytest.mark.parametrize("head", _STRANGERS, ids=[repr(each[:8]) for each in _STRANGERS])
    def test_leaves_others_alone(self, descriptor: Format, head: bytes) -> None:
        """What is of another format, or of none, is not recognised, and not believed when it is read all the same."""
        assert not descriptor.recognise(head)
        assert _verdict(descriptor, head) is None

    def test_reads_its_own(self, descriptor: Format, samples: tuple[bytes, ...]) -> None:
        """Every sample has a header, under the name of the format."""
        for sample in samples:
            header = drive(descriptor.read(len(sample)), sample)
            assert header.format == descriptor.name
            assert header.expected_size is None or header.expected_size <= len(sample)
            assert header.header_bytes <= len(sample)

    def test_reads_files(self, descriptor: Format, samples: tuple[bytes, ...], tmp_path: Path) -> None:
        """A file on disk, whatever its name, says the same as its bytes."""
        for sample in samples:
            path = tmp_path / "no-suffix"
            path.write_bytes(sample)
            assert read_file((descriptor,), path) == drive(descriptor.read(len(sample)), sample)

    def test_header_is_data(self, descriptor: Format, samples: tuple[bytes, ...]) -> None:
        """A header survives JSON, and nothing in it moves a cursor or hides what stands beside it."""
        for sample in samples:
            header = drive(descriptor.read(len(sample)), sample)
            encoded = msgspec.json.encode(header)
            assert msgspec.json.decode(encoded, type=Header) == header
            assert all(text.isprintable() for text in _texts(msgspec.json.decode(encoded)))

    def test_readers_are_independent(self, descriptor: Format, samples: tuple[bytes, ...]) -> None:
        """A reader that was given up, or that stands still meanwhile, changes nothing for the others."""
        for sample in samples:
            expected = drive(descriptor.read(len(sample)), sample)
            first = descriptor.read(len(sample))
            next(first)
            assert drive(descriptor.read(len(sample)), sample) == expected
            first.close()
            assert drive(descriptor.read(len(sample)), sample) == expected

    def test_says_what_is_truncated(self, descriptor: Format, samples: tuple[bytes, ...]) -> None:
        """A file that is shorter than the header says is refused, wherever it was cut."""
        for sample in samples:
            needed = drive(descriptor.read(len(sample)), sample).expected_size or 0
            for cut in sorted({*range(min(needed, _CUTS)), *range(max(0, needed - _CUTS), needed)}):
                assert _verdict(descriptor, sample[:cut]) is None, (
                    f"{cut} of {needed} bytes were taken for a whole file"
                )

    def test_survives_a_source_that_ends_early(self, descriptor: Format, samples: tuple[bytes, ...]) -> None:
        """A file that is shorter than was told when the reading began is refused."""
        for sample in samples:
            reading = descriptor.read(len(sample))
            next(reading)
            with pytest.raises(FormatInvalid):
                reading.send(b"")

    def test_believes_no_byte(self, descriptor: Format, samples: tuple[bytes, ...]) -> None:
        """With bytes changed at random there is a header or a refusal, in few steps, and never anything else."""
        chance = random.Random(0)  # noqa: S311  the same flips each time
        for sample in samples:
            for _ in range(_FLIPS):
                data = bytearray(sample)
                for _ in range(chance.randint(1, 4)):
                    data[chance.randrange(min(len(data), HEAD))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF))
                _verdict(descriptor, bytes(data))

    def test_groups_without_losing_a_name(self, descriptor: Format) -> None:
        """Grouping keeps every name, once, and invents none but those that are missing."""
        assert (descriptor.group is None) == (descriptor.join is None)
        if descriptor.group is None:
            return
        suffix = descriptor.suffixes[0]
        names = [f"a{suffix}", f"b-00001-of-00002{suffix}", "README.md", f"b-00002-of-00002{suffix}", "..", "", "a b"]
        sets = descriptor.group(names)
        assert sorted(name for each in sets for name in (*each.files, *each.extra)) == sorted(names)
        assert descriptor.group([]) == ()
