"""Models, their files, inventories and candidates, made up but always the same for the same seed."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random

from papin.models import HttpSource, Model, StoredFile, Variant, WantedFile
from papin.policies import Inventory
from papin.recommenders import Candidate

__all__ = ["HYPERPARAMETERS", "NOW", "sample_candidates", "sample_inventory", "sample_models", "sha256_of", "tiny_gguf"]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

HYPERPARAMETERS = {"llama.context_length": 2048, "llama.embedding_length": 64, "llama.block_count": 1}
"""What a GGUF model must tell of itself so that llama.cpp loads it; `numbers` for `tiny_gguf`."""

_QUANTIZATIONS = ("Q2_K", "Q4_K_M", "Q5_K_M", "Q8_0", "F16")


@lru_cache(maxsize=8)
def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of `content` in hex; of large contents that many tests promise it is worked out once."""
    return hashlib.sha256(content).hexdigest()


def _digest(random: Random) -> str:
    return f"{random.getrandbits(256):064x}"


def sample_models(seed: int, count: int) -> tuple[Model, ...]:
    """Return `count` models of all sorts: old and new, used and never used, tagged, favourites, sharing a payload."""
    random = Random(seed)  # noqa: S311  samples, not secrets
    shared = _digest(random)
    return tuple(_model(random, number, shared) for number in range(count))


def _model(random: Random, number: int, shared: str) -> Model:
    size = random.randrange(1, 40 << 30)
    sha256 = shared if random.random() < 0.2 else _digest(random)  # noqa: PLR2004  a fifth of them
    used = NOW - timedelta(days=random.randrange(400)) if random.random() < 0.8 else None  # noqa: PLR2004  most of them
    return Model(
        id=f"model-{number}",
        ref=f"shelf:model-{number}",
        files=(StoredFile(name=f"model-{number}.gguf", sha256=sha256, size=size, format="gguf"),),
        installed_at=NOW - timedelta(days=random.randrange(500)),
        format="gguf",
        architecture=random.choice(("llama", "qwen2", "gemma3")),
        parameters=random.randrange(100_000_000, 70_000_000_000),
        quantization=random.choice(_QUANTIZATIONS),
        favourite=random.random() < 0.2,  # noqa: PLR2004  a fifth of them
        tags=tuple(random.sample(("work", "scratch", "code"), random.randrange(3))),
        last_used_at=used,
        uses=0 if used is None else random.randrange(1, 100),
        size=size,
    )


def sample_inventory(seed: int, count: int) -> Inventory:
    """Return an inventory of `count` models, some of them loaded, on a disk that is fuller with every seed."""
    random = Random(seed)  # noqa: S311  samples, not secrets
    models = sample_models(seed, count)
    total = 1 << 40
    return Inventory(
        models=models,
        loaded=frozenset(model.id for model in models if random.random() < 0.1),  # noqa: PLR2004  a tenth of them
        frees={model.id: model.size if random.random() < 0.8 else 0 for model in models},  # noqa: PLR2004  most of them
        free=total // (seed % 50 + 1),
        total=total,
    )


def sample_candidates(seed: int, count: int) -> tuple[Candidate, ...]:
    """Return `count` candidates, from tiny ones to some that fit on no machine, of some the memory unknown."""
    random = Random(seed)  # noqa: S311  samples, not secrets
    return tuple(_candidate(random, number) for number in range(count))


def _candidate(random: Random, number: int) -> Candidate:
    size = 1 << random.randrange(26, 42)
    name, quantization = f"model-{number}", random.choice(_QUANTIZATIONS)
    source = HttpSource(url=f"https://models.example/{name}.gguf")
    variant = Variant(
        ref=f"shelf:{name}:{quantization}",
        catalog="shelf",
        name=name,
        variant=quantization,
        files=(WantedFile(name=f"{name}.gguf", sources=(source,), size=size, sha256=_digest(random)),),
        architecture=random.choice(("llama", "qwen2", "gemma3")),
        parameters=size * random.randrange(1, 4) if random.random() < 0.8 else None,  # noqa: PLR2004  most of them
        quantization=quantization,
        context_length=random.choice((None, 2048, 32768)),
        capabilities=tuple(random.sample(("chat", "code", "vision"), random.randrange(3))),
    )
    memory = size + (size >> 3) if random.random() < 0.8 else None  # noqa: PLR2004  most of them
    return Candidate(variant=variant, memory=memory, installed=random.random() < 0.2)  # noqa: PLR2004  a fifth of them


def tiny_gguf(seed: int = 0, payload: int = 4096, numbers: Mapping[str, float] | None = None) -> bytes:
    """Return a valid GGUF v3 file with one tensor of 32-bit floats, `payload` bytes long; the seed makes it unique.

    `numbers` are further key/values, integers of 32 bits without a sign or floats of 32 bits.
    """

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    pairs = text("general.architecture") + struct.pack("<I", 8) + text("llama")
    pairs += text("general.name") + struct.pack("<I", 8) + text(f"tiny {seed}")
    for key, value in (numbers or {}).items():
        pairs += text(key) + (struct.pack("<II", 4, value) if isinstance(value, int) else struct.pack("<If", 6, value))
    tensor = text("token_embd.weight") + struct.pack("<IQIQ", 1, payload // 4, 0, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 2 + len(numbers or {})) + pairs + tensor
    return head + bytes(-len(head) % 32) + bytes((seed + at) % 256 for at in range(256)) * (payload // 256)
