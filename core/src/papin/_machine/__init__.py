"""What this machine has: memory, cores, graphics processors, disks.

Facts come from psutil, the kernel's own files, and the tools of the vendors as child processes with a bound. Nothing
here fails: what cannot be told is left out. Inside a container its limits count, not those of the machine around it.
"""

from papin._machine.reading import read

__all__ = ["read"]
