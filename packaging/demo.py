"""``make demo``: read the sample study with the bundled models, write ``demo-output/``, and open the window where there is one."""

import json
import os
import sys
from pathlib import Path

from sinusviewer import RESEARCH_USE_ONLY
from sinusviewer.cli import main as run_command
from sinusviewer.paths import resources_dir

OUTPUT = Path(__file__).resolve().parents[1] / "demo-output"


def has_display() -> bool:
    """Whether a window can be shown here."""
    if os.environ.get("CI") or os.environ.get("QT_QPA_PLATFORM") == "offscreen":
        return False
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def main() -> int:
    sample = resources_dir() / "sample"
    clinical = sample / "clinical.csv"
    arguments = ["read", str(sample), "--out", str(OUTPUT)]
    if clinical.exists():
        arguments += ["--clinical", str(clinical)]
    status = run_command(arguments)
    index = json.loads((OUTPUT / "index.json").read_text("utf-8"))
    for study in index["studies"]:
        sys.stdout.write(f"  {OUTPUT / study['study_instance_uid'] / 'report.html'}\n")
    sys.stdout.write(f"Readings, reports and pictures of the sample study are in {OUTPUT}\n{RESEARCH_USE_ONLY}\n")
    if status == 2 or not has_display():
        return 0 if status != 2 else 2
    from sinusviewer.app import main as open_window  # the window only where there is a display

    return open_window([str(sample)])


if __name__ == "__main__":
    sys.exit(main())
