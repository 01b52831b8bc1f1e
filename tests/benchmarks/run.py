"""Run every ``bench_*.py`` beside this file and write ``bench.json``: name, value, unit, compared_with, ratio, n, machine."""

import importlib.util
import json
import os
import platform
import sys
import traceback
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

FOLDER = Path(__file__).resolve().parent


def machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def main() -> int:
    chosen = set(sys.argv[1:])
    rows: list[dict[str, object]] = []
    failed = 0
    for file in sorted(FOLDER.glob("bench_*.py")):
        name = file.stem.removeprefix("bench_")
        if chosen and name not in chosen:
            continue
        spec = importlib.util.spec_from_file_location(file.stem, file)
        if spec is None or spec.loader is None:
            continue
        module = importlib.util.module_from_spec(spec)
        sys.modules[file.stem] = module  # worker processes look functions up by module name
        sys.path.insert(0, str(FOLDER))
        try:
            spec.loader.exec_module(module)
            measured = module.run()
        except Exception:  # noqa: BLE001 - one broken benchmark must not hide the others
            failed += 1
            sys.stderr.write(f"{file.name} failed:\n{traceback.format_exc()}")
            continue
        for row in measured:
            row.setdefault("machine", machine())
            rows.append(row)
            ratio = f"  {row['ratio']:.2f}x of {row['compared_with']}" if row.get("ratio") else ""
            value = row["value"]
            shown = f"{value:.4g}" if isinstance(value, float) else value
            sys.stdout.write(f"{name}: {row['name']}: {shown} {row['unit']}{ratio}\n")
            sys.stdout.flush()
    Path("bench.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    sys.stdout.write(f"{len(rows)} figures in bench.json\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
