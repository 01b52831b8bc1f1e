"""Damage done to image files on purpose, by a seed; and a worker that opens what comes of it.

Run as a program it takes a folder of mutated files, opens each as the viewer would and writes one line of JSON per file:
what became of it, in how many seconds, and the peak memory of the process so far.
"""

import json
import os
import random
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

Mutation = Callable[[bytes, random.Random], bytes]


def truncate(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(1, max(2, len(content)))]


def truncate_header(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(1, max(2, min(len(content), 3000)))]


def flip_bytes(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 4, 64])):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def flip_header_bytes(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 3, 12])):
        changed[rng.randrange(min(len(changed), 4000))] = rng.choice([0, 0xFF, 0x7F, 0x80, rng.randrange(256)])
    return bytes(changed)


def flip_stream_bytes(content: bytes, rng: random.Random) -> bytes:
    """Damage within the compressed pixels' first bytes, where codecs keep their tables."""
    changed = bytearray(content)
    start = content.find(struct.pack("<HH", 0x7FE0, 0x0010))
    start = max(start, 0)
    for _ in range(rng.choice([1, 3, 20])):
        changed[min(len(changed) - 1, start + rng.randrange(1, 400))] = rng.randrange(256)
    return bytes(changed)


def _patch_us(content: bytes, element: int, value: int) -> bytes:
    tag = struct.pack("<HH", 0x0028, element)
    at = content.find(tag)
    if at < 0 or at + 10 > len(content):
        return content
    return content[: at + 8] + struct.pack("<H", value) + content[at + 10 :]


def absurd_size(content: bytes, rng: random.Random) -> bytes:
    big = rng.choice([65535, 32767, 0, 1])
    return _patch_us(_patch_us(content, 0x0010, big), 0x0011, rng.choice([big, 65535]))


def absurd_bits(content: bytes, rng: random.Random) -> bytes:
    content = _patch_us(content, rng.choice([0x0100, 0x0101, 0x0102, 0x0103]), rng.choice([0, 1, 7, 13, 32, 64, 65535]))
    return _patch_us(content, 0x0002, rng.choice([0, 1, 3, 4, 65535]))


def absurd_length(content: bytes, rng: random.Random) -> bytes:
    """One element claims to be far longer than the file, or of undefined length."""
    at = content.find(struct.pack("<H", rng.choice([0x0008, 0x0010, 0x0018, 0x0020, 0x0028, 0x7FE0])), 140)
    if at < 0 or at + 12 > len(content):
        return content
    length = struct.pack("<I", rng.choice([0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 0x80000000]))
    place = at + rng.choice([4, 8])
    return content[:place] + length + content[place + 4 :]


def many_frames(content: bytes, rng: random.Random) -> bytes:
    at = content.find(struct.pack("<HH", 0x0028, 0x0010))
    if at < 0:
        return content
    text = rng.choice([b"999999999 ", b"-1", b"1e9 ", b"2147483648", b"NaN ", b"2 "])
    return content[:at] + struct.pack("<HH2sH", 0x0028, 0x0008, b"IS", len(text)) + text + content[at:]


def deep_nesting(content: bytes, rng: random.Random) -> bytes:
    """Thousands of sequences within one another, before the image's own elements."""
    at = content.find(struct.pack("<HH", 0x0020, 0x000D))
    if at < 0:
        return content
    sequence = struct.pack("<HH2sHI", 0x0009, 0x1001, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    return content[:at] + sequence * rng.choice([50, 500, 20000]) + content[at:]


def swap_tail(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + rng.randbytes(min(4096, len(content) - at)) + content[at + 4096 :]


def insert_bytes(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(min(len(content), 6000))
    return content[:at] + rng.randbytes(rng.choice([1, 2, 7])) + content[at:]


MUTATIONS: tuple[Mutation, ...] = (
    truncate, truncate_header, flip_bytes, flip_header_bytes, flip_stream_bytes, absurd_size, absurd_bits, absurd_length,
    many_frames, deep_nesting, swap_tail, insert_bytes,
)  # fmt: skip


def write_mutants(sources: list[Path], folder: Path, count: int, seed: int) -> list[Path]:
    """Write ``count`` damaged copies, the same ones for the same seed."""
    rng = random.Random(seed)
    written = []
    for number in range(count):
        source = rng.choice(sources)
        mutation = MUTATIONS[number % len(MUTATIONS)]
        content = mutation(source.read_bytes(), rng)
        suffix = "".join(source.suffixes[-2:]) if source.name.endswith(".nii.gz") else source.suffix
        path = folder / f"{number:05d}_{mutation.__name__}_{source.stem[:40]}{suffix}"
        path.write_bytes(content)
        written.append(path)
    return written


def open_one(path: Path) -> tuple[str, str]:
    """Scan and load one file: ("opened" | "listed", what or why)."""
    from sinusviewer.errors import SinusViewerError
    from sinusviewer.imaging.load import load_series
    from sinusviewer.imaging.scan import scan

    result = scan([path])
    if [outcome.path for outcome in result.files] != [str(path)]:
        return "lost", "the file is not in the list exactly once"
    if not result.studies:
        return "listed", result.files[0].reason or "no reason given"
    said = []
    for series in (s for study in result.studies for s in study.series):
        try:
            loaded = load_series(series)
            said.append(type(loaded).__name__)
        except SinusViewerError as error:
            said.append(str(error))
    return "opened", "; ".join(said)


def peak_megabytes() -> float:
    """Peak resident memory of this process; 0 where the system does not tell.

    Linux's ``ru_maxrss`` is carried over from the parent through fork and exec, so a large test process would be counted in:
    the mark of this address space alone is read from ``/proc``.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / (1 << 10)
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def main(folder: str) -> None:
    import warnings

    warnings.simplefilter("error")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for path in sorted(Path(folder).iterdir()):
        sys.stdout.write(json.dumps({"begin": path.name}) + "\n")
        sys.stdout.flush()
        start = time.perf_counter()
        status, reason = open_one(path)
        line = {
            "name": path.name,
            "status": status,
            "reason": reason,
            "seconds": time.perf_counter() - start,
            "mb": peak_megabytes(),
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
