"""Small GGUF files: the metadata that a test wants, and no tensors."""

import struct

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def value_of(value):
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    if isinstance(value, list):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
    return struct.pack("<II", 4, value)


def gguf(architecture="llama", *, template=CHATML, filling=b"", **values):
    """Return the bytes of a file; `filling` follows the header, so that no two models are the same."""
    known = {
        "general.architecture": architecture,
        "general.file_type": 3,
        f"{architecture}.context_length": 8192,
        "tokenizer.ggml.tokens": ["a", "b", "c"],
    }
    known |= {"tokenizer.chat_template": template} if template else {}
    known |= {name.replace("__", "."): value for name, value in values.items()}
    pairs = b"".join(text(key) + value_of(value) for key, value in known.items())
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(known)) + pairs + filling


def read(data):
    """Return the metadata of a file that `gguf` made; raises ValueError for anything else."""
    if data[:4] != b"GGUF":
        raise ValueError("not a GGUF file")
    _, _, count = struct.unpack_from("<IQQ", data, 4)
    reader = _Reader(data, 24)
    return {reader.text(): reader.value() for _ in range(count)}


class _Reader:
    def __init__(self, data, at):
        self.data = data
        self.at = at

    def take(self, form):
        found = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return found[0]

    def text(self):
        length = self.take("<Q")
        self.at += length
        return self.data[self.at - length : self.at].decode()

    def value(self):
        kind = self.take("<I")
        if kind == 8:
            return self.text()
        if kind == 9:
            assert self.take("<I") == 8
            return [self.text() for _ in range(self.take("<Q"))]
        assert kind == 4
        return self.take("<I")
