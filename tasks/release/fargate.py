"""The task sizes that Fargate has; RegisterTaskDefinition refuses any other, after the image was built and pushed.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.documents import as_list

if TYPE_CHECKING:
    from tasks.documents import Document, Json

GIB = 1024
# CPU units (1024 are one vCPU) -> the MiB that go with them
SIZES = {
    256: (512, 1 * GIB, 2 * GIB),
    512: tuple(range(1 * GIB, 4 * GIB + 1, GIB)),
    1024: tuple(range(2 * GIB, 8 * GIB + 1, GIB)),
    2048: tuple(range(4 * GIB, 16 * GIB + 1, GIB)),
    4096: tuple(range(8 * GIB, 30 * GIB + 1, GIB)),
    8192: tuple(range(16 * GIB, 60 * GIB + 1, 4 * GIB)),
    16384: tuple(range(32 * GIB, 120 * GIB + 1, 8 * GIB)),
}
AMOUNT = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(vcpu|gb)?\s*", re.IGNORECASE)


def require_size(document: Document) -> None:
    """Refuse a Fargate task whose CPU and memory do not go together; raises `DocumentError` (file, line, key)."""
    if "FARGATE" not in as_list(document.data.get("requiresCompatibilities")):
        return
    cpu, memory = _amount(document.data.get("cpu")), _amount(document.data.get("memory"))
    if cpu not in SIZES:
        raise document.wrong(
            "cpu",
            f"{document.data.get('cpu')!r} is not a size of Fargate.",
            f"Give one of {', '.join(map(str, SIZES))} CPU units.",
        )
    if memory not in SIZES[cpu]:
        raise document.wrong(
            "memory",
            f"{document.data.get('memory')!r} does not go with {cpu} CPU units on Fargate.",
            f"Give one of {', '.join(map(str, SIZES[cpu]))} MiB.",
        )


def _amount(value: Json) -> int:
    """Return CPU units or MiB, also of `0.5 vCPU` and `1 GB`; 0 for anything else."""
    found = AMOUNT.fullmatch(str(value or ""))
    if not found:
        return 0
    return int(float(found[1]) * (1024 if found[2] else 1))
