"""What the name of a model file tells: quantization, bits per weight, parameters, part, role.

Only for when nobody knows better: a header says the same as a fact. The spellings are those of llama.cpp and its
forks (`Q4_K_M`, `IQ2_XXS`, `TQ1_0`, `MXFP4_MOE`), of those who publish files (`UD-Q4_K_XL`, `Q4-K-M`, `fp16`), of
Ollama's tags (`8b-instruct-q4_K_M`), of ONNX exports (`model_q4f16.onnx`) and of repositories (`-AWQ`, `-4bit`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import msgspec

from papin.models import FileRole

__all__ = ["FileName", "bits_of", "parameters_of", "quantization_of", "read_file_name", "without_quantization"]


class FileName(msgspec.Struct, frozen=True, kw_only=True):
    """What a name tells. `stem` is it without part number and suffix; `part` is (number from 0, count).

    `format` is the name of a format of papin, or empty for a file that is no weights by its suffix.
    """

    stem: str
    format: str = ""
    quantization: str = ""
    parameters: int | None = None
    part: tuple[int, int] | None = None
    role: FileRole = "weights"


# A word is bounded by whatever is no letter or digit, or by the underscores that the names are made of.
_BEFORE = r"(?<![A-Za-z0-9])"
_AFTER = r"(?![A-Za-z0-9])"
_S = r"[_.-]?"
_GGUF = re.compile(
    rf"{_BEFORE}(?P<dynamic>UD{_S})?(?:"
    rf"(?P<iq>IQ[1-6]){_S}(?P<iq_size>XXS|XS|NL|XL|KSS|KS|KL|KT|K|S|M|L)(?:_R?[48](?:_[48])?)?"
    rf"|(?P<tq>TQ[12]){_S}0"
    rf"|(?P<k>Q[1-8]){_S}K(?:{_S}(?P<k_size>XXL|XL|XS|L|M|S|P))?(?:_R[48])?"
    rf"|(?P<q>Q[1-8]){_S}(?P<q_kind>[01])(?P<q_block>_[48]_[48])?(?:_(?P<q_size>XL|L))?"
    rf"|(?P<mx>MXFP4|NVFP4){_S}(?P<moe>MOE)?"
    rf"|(?P<float>BF16|FP16|FP32|F16|F32|F64|FP8)"
    rf"){_AFTER}",
    re.IGNORECASE,
)
_OTHER = re.compile(
    rf"{_BEFORE}(?:(?P<onnx>q4f16|q4|q8|bnb4|uint8|int8|int4|quantized)"
    rf"|(?P<method>AWQ|GPTQ|EXL2|EXL3|HQQ|AQLM|QUIP)"
    rf"|w(?P<w>[248])a(?:4|8|16)|(?P<bit>[1-8]){_S}bits?|(?P<bpw>\d(?:\.\d{{1,2}})?){_S}bpw){_AFTER}",
    re.IGNORECASE,
)
_PARAMETERS = re.compile(
    rf"{_BEFORE}E?(?:(?P<experts>\d{{1,3}})x)?(?P<number>\d{{1,4}}(?:\.\d{{1,3}})?)(?P<unit>[BMTK])"
    rf"(?P<rwkv>\d)?(?![A-Za-z0-9.]*(?:it|ps)\b){_AFTER}",
    re.IGNORECASE,
)
_UNDERSCORED = re.compile(r"(?<![A-Za-z0-9])(\d)_(\d)(?=[bB](?![A-Za-z0-9]))")  # qwen2.5-1_5b
_UNITS = {"K": 1_000, "M": 1_000_000, "B": 1_000_000_000, "T": 1_000_000_000_000}
_PART = re.compile(r"[-_.](?P<number>\d{5})-of-(?P<count>\d{5})$", re.IGNORECASE)
_FORMATS = {
    ".gguf": "gguf",
    ".ggml": "ggml",
    ".safetensors": "safetensors",
    ".onnx": "onnx",
    ".bin": "pytorch",
    ".pt": "pytorch",
    ".pth": "pytorch",
}

# What the weights of a model take, on average over its tensors: measured by llama.cpp for Llama 3.1 8B
# (tools/quantize/README.md), and else the size of a block of the type divided by its weights (ggml-common.h).
_BITS: Final = {
    "IQ1_S": 2.0, "IQ1_M": 2.15, "IQ2_XXS": 2.38, "IQ2_XS": 2.59, "IQ2_S": 2.74, "IQ2_M": 2.93, "IQ3_XXS": 3.25,
    "IQ3_XS": 3.5, "IQ3_S": 3.66, "IQ3_M": 3.76, "IQ4_XS": 4.46, "IQ4_NL": 4.68, "TQ1_0": 1.69, "TQ2_0": 2.06,
    "Q1_0": 1.13, "Q2_K_S": 2.97, "Q2_K": 3.16, "Q3_K_S": 3.64, "Q3_K_M": 4.0, "Q3_K_L": 4.3, "Q4_K_S": 4.67,
    "Q4_K_M": 4.89, "Q5_K_S": 5.57, "Q5_K_M": 5.7, "Q6_K": 6.56, "Q4_0": 4.66, "Q4_1": 5.13, "Q5_0": 5.6, "Q5_1": 6.07,
    "Q8_0": 8.5, "MXFP4": 4.25, "NVFP4": 4.5, "FP8": 8.0, "F16": 16.0, "BF16": 16.0, "F32": 32.0, "F64": 64.0,
    "AWQ": 4.25, "GPTQ": 4.25, "INT4": 4.5, "INT8": 8.0, "UINT8": 8.0, "BNB4": 4.5, "Q4F16": 4.5,
}  # fmt: skip
_NEAR: Final = {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M", "Q4": "Q4_0", "Q8": "Q8_0", "QUANTIZED": "Q8_0"}
_REMEMBERED: Final = 4096  # a catalog tells the same few of a hundred thousand variants
# Larger tensors at the in- and output (`_L`, `_XL`): about a fifth of a bit a step.
_LARGER: Final = 0.2


@lru_cache(_REMEMBERED)
def quantization_of(text: str) -> str:
    """Return the quantization that a name tells, in llama.cpp's spelling (`UD-Q4_K_XL`, `F16`), or nothing.

    The last one counts: what stands before it is the name of a model or of its folder.
    """
    found = list(_GGUF.finditer(text))
    if found:
        return _spelt(found[-1])
    other = list(_OTHER.finditer(text.replace("_", "-")))
    if not other:
        return ""
    last = other[-1]
    if last["bpw"]:
        return f"{last['bpw']}BPW"
    if last["w"] or last["bit"]:
        return f"{last['w'] or last['bit']}BIT"
    return (last["onnx"] or last["method"]).upper()


def _spelt(found: re.Match[str]) -> str:
    part = {name: text.upper() for name, text in found.groupdict(default="").items()}
    prefix = "UD-" if part["dynamic"] else ""
    if part["iq"]:
        return f"{prefix}{part['iq']}_{part['iq_size']}"
    if part["tq"]:
        return f"{part['tq']}_0"
    if part["k"]:
        return f"{prefix}{part['k']}_K" + (f"_{part['k_size']}" if part["k_size"] else "")
    if part["q"]:
        size = f"_{part['q_size']}" if part["q_size"] else ""
        return f"{prefix}{part['q']}_{part['q_kind']}{part['q_block']}{size}"
    if part["mx"]:
        return part["mx"] + ("_MOE" if part["moe"] else "")
    return part["float"].replace("FP16", "F16").replace("FP32", "F32")


@lru_cache(_REMEMBERED)
def bits_of(quantization: str) -> float | None:
    """Return the bits per weight of a quantization as `quantization_of` spells it, about; None where nobody knows."""
    plain = quantization.upper().removeprefix("UD-").removesuffix("_MOE")
    plain = re.sub(r"(_[48]_[48]|_R[48])$", "", plain)
    if found := re.fullmatch(r"(\d(?:\.\d+)?)(BPW|BIT)", plain):
        return float(found[1]) + (0.25 if found[2] == "BIT" else 0) or None
    if (known := _BITS.get(_NEAR.get(plain, plain))) is not None:
        return known
    base, _, size = plain.rpartition("_")
    if size in ("L", "XL", "XXL", "P") and base:
        nearest = next((each for each in (f"{base}_L", f"{base}_M", base) if each != plain and each in _BITS), None)
        return None if nearest is None else round(_BITS[nearest] + _LARGER * max(1, len(size) - 1), 2)
    digits = re.match(r"I?Q([1-8])", plain)
    return float(digits[1]) + 0.5 if digits else None


@lru_cache(_REMEMBERED)
def parameters_of(text: str) -> int | None:
    """Return how many parameters a name tells: `8B`, `0.6b`, `135M`, `8x7B` (all experts), `1b6`; the first counts.

    The active parameters of a mixture (`30B-A3B`) are no answer, and neither are lengths of context (`128k`).
    """
    if "_" in text:
        text = _UNDERSCORED.sub(r"\1.\2", text).replace("_", "-")
    for found in _PARAMETERS.finditer(text):
        unit = found["unit"].upper()
        if unit == "K" or (found["rwkv"] and (unit != "B" or "." in found["number"])):
            continue
        number = float(found["number"] + (f".{found['rwkv']}" if found["rwkv"] else ""))
        if number:
            return round(number * _UNITS[unit]) * int(found["experts"] or 1)
    return None


def read_file_name(path: str) -> FileName:
    """Return what the name of a file tells, which may be a path in a repository (`Q8_0/m-00001-of-00002.gguf`)."""
    folder, _, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    kind = _FORMATS.get(f".{suffix.lower()}", "") if dot else ""
    if not kind:
        return FileName(stem=name, role="sidecar")
    if kind == "pytorch" and _GGUF.search(stem):
        kind = "ggml"  # what llama.cpp read before GGUF was called .bin
    part = _PART.search(stem)
    if part is not None:
        stem = stem[: part.start()]
    return FileName(
        stem=stem,
        format=kind,
        quantization=quantization_of(stem) or quantization_of(folder),
        parameters=parameters_of(stem) or parameters_of(folder),
        part=_part(part),
        role=_role(stem, kind),
    )


def _part(found: re.Match[str] | None) -> tuple[int, int] | None:
    if found is None or not 1 <= int(found["number"]) <= int(found["count"]):
        return None
    return int(found["number"]) - 1, int(found["count"])


def _role(stem: str, kind: str) -> FileRole:
    lower = stem.lower()
    if "mmproj" in lower:
        return "mmproj"
    if kind == "gguf" and lower.endswith((".imatrix", "-imatrix", "_imatrix", "imatrix")):
        return "sidecar"
    if re.search(r"(?<![a-z])(?:lora|adapter(?:_model)?)(?![a-z])", lower):
        return "adapter"
    if kind == "pytorch" and re.fullmatch(r"(?:training_args|optimizer|scheduler|rng_state.*|.*tokenizer.*)", lower):
        return "sidecar"
    return "weights"


def without_quantization(text: str) -> str:
    """Return a name without what tells its quantization: `lake-8b-Q4_K_M` is `lake-8b-`."""
    return _OTHER.sub("", _GGUF.sub("", text))
