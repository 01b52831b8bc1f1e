"""Run every ``bench_*.py`` beside this file and write ``bench.json``: name, value, unit, compared_with, ratio, n, machine.

Each part has a process of its own, so that neither a crash nor the memory of one reaches the next, and a limit of time. What a
part measured before it failed is kept. ``python tests/benchmarks/run.py reading window`` runs those two only.
"""

import importlib.util
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

FOLDER = Path(__file__).resolve().parent
PART_LIMIT_S = 600.0
"""Far beyond what any part takes on an idle machine of two cores; a part that hangs must end all the same."""
_ONE_PART = "--one-part"


def machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def run_all(folder: Path, chosen: Sequence[str] = (), limit_s: float = PART_LIMIT_S) -> int:
    """Run the parts of a folder one after the other; the exit code is 1 if any failed, 2 if one is not known."""
    parts = {file.stem.removeprefix("bench_"): file for file in sorted(folder.glob("bench_*.py"))}
    if unknown := sorted(set(chosen) - set(parts)):
        sys.stderr.write(f"No benchmark is named {', '.join(unknown)}; there are {', '.join(parts)}.\n")
        return 2
    rows: list[dict[str, Any]] = []
    times: dict[str, float] = {}
    failed: list[str] = []
    for name, file in parts.items():
        if chosen and name not in chosen:
            continue
        start = time.perf_counter()
        measured, trouble = _in_own_process(file, limit_s)
        times[name] = time.perf_counter() - start
        rows += [{**row, "machine": row.get("machine", machine())} for row in measured]
        if trouble:
            failed.append(name)
            sys.stderr.write(f"{file.name} {trouble}\n")
        _say(f"{name}: {len(measured)} figures in {times[name]:.0f} s{' before it failed' if trouble else ''}")
    Path("bench.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    _say(f"{len(rows)} figures in bench.json after {sum(times.values()):.0f} s")
    if failed:
        _say(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def _in_own_process(file: Path, limit_s: float) -> tuple[list[dict[str, Any]], str]:
    """The part's figures, and what went wrong ("" if nothing)."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "rows.jsonl"
        kept.touch()
        command = [sys.executable, str(Path(__file__).resolve()), _ONE_PART, str(file), str(kept)]
        process = subprocess.Popen(command, start_new_session=True)
        try:
            code, trouble = process.wait(limit_s), ""
        except subprocess.TimeoutExpired:
            code, trouble = 1, f"was ended after {limit_s:g} s"
        finally:
            _end(process)
        if code and not trouble:
            trouble = f"ended with code {code}"
        return [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()], trouble


def _end(process: subprocess.Popen[bytes]) -> None:
    """The part and the workers it started; its session is its own."""
    if sys.platform == "win32":
        process.kill()
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
    process.wait()


def _one_part(file: Path, kept: Path) -> None:
    """Print and keep every figure as soon as it is there."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ImportError(file.name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module  # worker processes look functions up by module name
    sys.path.insert(0, str(file.parent))
    spec.loader.exec_module(module)
    with kept.open("a", encoding="utf-8") as lines:
        for row in module.run():
            lines.write(json.dumps(row) + "\n")
            lines.flush()
            ratio = f"  {row['ratio']:.2f}x of {row['compared_with']}" if row.get("ratio") else ""
            value = row["value"]
            shown = f"{value:.4g}" if isinstance(value, float) else value
            _say(f"{file.stem.removeprefix('bench_')}: {row['name']}: {shown} {row['unit']}{ratio}  (n {row['n']})")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == [_ONE_PART]:
        _one_part(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        sys.exit(run_all(FOLDER, sys.argv[1:]))
