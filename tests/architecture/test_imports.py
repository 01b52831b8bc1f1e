import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*(ROOT / "sinusviewer").rglob("*.py"), *(ROOT / "training" / "sinustrainer").rglob("*.py")])


def test_imports_point_down_and_qt_and_torch_stay_where_they_belong(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


@pytest.mark.parametrize(
    ("imported", "unwanted"),
    [
        ("sinusviewer.app", ("torch", "timm")),
        ("sinusviewer.cli", ("torch", "PySide6")),
        ("sinustrainer.cli", ("PySide6", "torch")),
    ],
)
def test_importing_an_entry_point_loads_nothing_of_the_other_world(imported, unwanted):
    code = f"import sys, {imported}; sys.exit(' '.join(m for m in {unwanted!r} if m in sys.modules) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_no_module_is_longer_than_the_house_allows():
    too_long = {str(p.relative_to(ROOT)): n for p in SOURCES if (n := len(p.read_text("utf-8").splitlines())) > 400}
    assert too_long == {}


def test_the_top_level_is_exactly_what_the_design_says():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    top = {line.split("/")[0] for line in tracked.stdout.splitlines()}
    expected = {
        "pyproject.toml", "sinusviewer", "training", "resources", "models", "tests", "packaging", "README.md",
        "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "Makefile",
    }  # fmt: skip
    assert {t for t in top if not t.startswith(".")} == expected
