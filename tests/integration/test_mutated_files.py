"""Files damaged on purpose: no crash, no hang, no flood of memory, and always a word on what happened.

SINUSVIEWER_FUZZ=N opens N damaged files instead of 300 (SINUSVIEWER_FUZZ_SEED chooses which).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pydicom.data
import pytest
from dicom_mutations import MUTATIONS, write_mutants
from shared_data import shared_dir

ROOT = Path(__file__).resolve().parents[2]
COUNT = int(os.environ.get("SINUSVIEWER_FUZZ", "300"))
SEED = int(os.environ.get("SINUSVIEWER_FUZZ_SEED", "20260"))
LARGEST_SOURCE = 600_000
SECONDS_EACH = 10.0
MEGABYTES_IN_ALL = 1200.0


def sources() -> list[Path]:
    roots = [Path(pydicom.data.__file__).parent / "test_files"]
    if (folder := shared_dir()) is not None:
        roots.append(folder / "data" / "dicom_odd")
    found = [p for root in roots for p in root.rglob("*") if p.is_file() and 200 < p.stat().st_size < LARGEST_SOURCE]
    return sorted(found, key=lambda p: (p.name, p.stat().st_size))


@pytest.mark.slow
@pytest.mark.timeout(600 if COUNT <= 300 else 36000)
def test_damaged_files_open_or_are_listed_within_time_and_memory(tmp_path: Path) -> None:
    mutants = write_mutants(sources(), tmp_path, COUNT, SEED)
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "dicom_mutations.py"), str(tmp_path)],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    begun, results = [r["begin"] for r in lines if "begin" in r], [r for r in lines if "name" in r]
    assert done.returncode == 0, f"{begun[-1] if begun else 'the start'} ended the process: {done.stderr[-2000:]}"
    assert [r["name"] for r in results] == [p.name for p in mutants]
    assert {r["status"] for r in results} <= {"opened", "listed"}
    assert all(r["reason"] for r in results)
    slow = [(r["name"], r["seconds"]) for r in results if r["seconds"] > SECONDS_EACH]
    assert not slow
    assert max(r["mb"] for r in results) < MEGABYTES_IN_ALL
    # The damage reaches into the reader and does not only fail at the door.
    assert sum(r["status"] == "opened" for r in results) > COUNT // 10


def test_the_same_seed_makes_the_same_damage(tmp_path: Path) -> None:
    chosen = sources()[:5]
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_mutants(chosen, tmp_path / name, len(MUTATIONS), 7)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
