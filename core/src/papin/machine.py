"""What this machine has, as values; `papin.context.Context.machine` reads them anew. Sizes are in bytes."""

from __future__ import annotations

from papin.models import Value

__all__ = ["Gpu", "Machine", "Memory", "Volume"]


class Memory(Value, frozen=True, kw_only=True):
    """Main memory in bytes."""

    total: int
    available: int


class Gpu(Value, frozen=True, kw_only=True):
    """A graphics processor; its memory is None where the system does not tell."""

    name: str
    vendor: str
    memory: int | None = None
    memory_free: int | None = None


class Volume(Value, frozen=True, kw_only=True):
    """A file system that papin writes to."""

    path: str
    total: int
    free: int


class Machine(Value, frozen=True, kw_only=True):
    """What this machine has."""

    system: str
    architecture: str
    cores: int
    memory: Memory
    gpus: tuple[Gpu, ...] = ()
    volumes: tuple[Volume, ...] = ()

    @property
    def summary(self) -> str:
        """What decides how fast models are here, in one line: `Linux x86_64, 8 cores, NVIDIA RTX 4090`."""
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        return ", ".join([f"{self.system} {self.architecture}", cores, *(gpu.name for gpu in self.gpus)])
