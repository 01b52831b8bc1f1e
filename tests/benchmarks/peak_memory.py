"""The most memory that this process has held, and what a network takes in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]


def peak_mib() -> float:
    """Of this process alone.

    Linux hands ``ru_maxrss`` on from the process that started this one, however large that was; ``VmHWM`` begins anew.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def resident_mib() -> float:
    return psutil.Process().memory_info().rss / 2**20


def in_child(arguments: Sequence[str]) -> float:
    """Run this file with ``arguments``: MiB at the peak above what the process held with its libraries imported."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), *arguments],
        stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return float(done.stdout.splitlines()[-1])


def _network(engine: str, path: Path, card: Path, shape: tuple[int, ...]) -> float:
    import numpy as np
    from network_engines import eager, session

    from sinusviewer.inference.model_card import load_card

    if engine == "torch eager":
        import timm  # noqa: F401 - its weight in memory is no network's
        import torch

        torch.set_flush_denormal(True)
    images = np.random.default_rng(0).random(shape, dtype=np.float32)
    before = resident_mib()
    run = eager(load_card(card.parent)) if engine == "torch eager" else session(path)
    for _ in range(2):
        run(images)
    return peak_mib() - before


if __name__ == "__main__":
    sys.stdout.write(
        f"\n{_network(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), tuple(json.loads(sys.argv[4])))}\n"
    )
