"""Ollama's chat templates for the common families, known by the marks in a model's own (Jinja) template.

Ollama finds a template by itself only for models whose own one is nearly a known text; these are for the others.
"""

from __future__ import annotations

import struct
from pathlib import Path

import msgspec

__all__ = ["Template", "chat_template", "template_for"]

_KEY = b"tokenizer.chat_template" + struct.pack("<I", 8)  # the type of a string follows the key
_SEARCHED = 64 << 20
_MOST = 1 << 20


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A Go template over `.Messages`, and the words at which an answer ends."""

    family: str
    text: str
    stop: tuple[str, ...]


_WITH_SYSTEM = '{{ $system := "" }}{{ range .Messages }}{{ if eq .Role "system" }}{{ $system = .Content }}{{ else '
_SYSTEM = '{{ if $system }}{{ $system }}\n\n{{ $system = "" }}{{ end }}'

_CHATML = Template(
    family="chatml",
    text="{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n",
    stop=("<|im_start|>", "<|im_end|>"),
)
_LLAMA3 = Template(
    family="llama3",
    text="{{ range .Messages }}<|start_header_id|>{{ .Role }}<|end_header_id|>\n\n{{ .Content }}<|eot_id|>{{ end }}"
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    stop=("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
)
# Neither Gemma nor Mistral has a role for the system: what it says stands before what the user says next.
_GEMMA = Template(
    family="gemma",
    text=f'{_WITH_SYSTEM}if eq .Role "user" }}}}<start_of_turn>user\n{_SYSTEM}{{{{ .Content }}}}<end_of_turn>\n'
    "{{ else }}<start_of_turn>model\n{{ .Content }}<end_of_turn>\n{{ end }}{{ end }}<start_of_turn>model\n",
    stop=("<start_of_turn>", "<end_of_turn>"),
)
_MISTRAL = Template(
    family="mistral",
    text=f'{_WITH_SYSTEM}if eq .Role "user" }}}}[INST] {_SYSTEM}{{{{ .Content }}}} [/INST]'
    "{{ else }} {{ .Content }}</s>{{ end }}{{ end }}",
    stop=("[INST]", "[/INST]"),
)
_PHI = Template(
    family="phi",
    text="{{ range .Messages }}<|{{ .Role }}|>\n{{ .Content }}<|end|>\n{{ end }}<|assistant|>\n",
    stop=("<|system|>", "<|user|>", "<|assistant|>", "<|end|>"),
)

# All marks of a row have to be there, the first row that matches counts.
_MARKS: tuple[tuple[tuple[str, ...], Template], ...] = (
    (("<|start_header_id|>", "<|eot_id|>"), _LLAMA3),
    (("<start_of_turn>", "<end_of_turn>"), _GEMMA),
    (("<|im_start|>", "<|im_end|>"), _CHATML),
    (("<|end|>", "<|assistant|>"), _PHI),
    (("[INST]", "[/INST]"), _MISTRAL),
)


def template_for(jinja: str) -> Template | None:
    """Return Ollama's template for a model with the template `jinja`, or None for a family that is not known."""
    return next((template for marks, template in _MARKS if all(mark in jinja for mark in marks)), None)


def chat_template(path: Path) -> str:
    """Return the chat template in the header of a GGUF file, or nothing. Blocks.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        header = file.read(_SEARCHED)
    key, found, rest = header.partition(_KEY)
    if not key.startswith(b"GGUF") or not found or len(rest) < struct.calcsize("<Q"):
        return ""
    (length,) = struct.unpack_from("<Q", rest)
    return rest[8 : 8 + min(length, _MOST)].decode(errors="replace")
