"""What ``make bench`` promises: every part runs, what was measured is kept, and a fault is told by the exit code."""

import importlib.util
import json
import time
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parents[2] / "benchmarks" / "run.py"
ROW = '{"name": "%s", "value": 1.5, "unit": "s", "compared_with": "limit", "ratio": 0.5, "n": 3}'


@pytest.fixture
def bench(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("bench_run", RUN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.chdir(tmp_path)
    return module


def _part(folder, name, *body):
    lines = ["def run():", *(f"    {line}" for line in body)]
    (folder / f"bench_{name}.py").write_text("\n".join(lines), encoding="utf-8")


def test_a_part_that_fails_hides_neither_the_others_nor_what_it_had_measured(bench, tmp_path, capfd):
    _part(tmp_path, "first", f"yield {ROW % 'before the fault'}", "import os", "os._exit(3)")
    _part(tmp_path, "second", f"return [{ROW % 'after it'}]")
    assert bench.run_all(tmp_path) == 1
    rows = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in rows] == ["before the fault", "after it"]
    assert all(row["machine"] for row in rows)
    out, err = capfd.readouterr()
    assert "failed: first" in out
    assert "second: 1 figures in" in out
    assert "bench_first.py ended with code 3" in err


def test_a_part_that_hangs_is_ended(bench, tmp_path, capfd):
    _part(tmp_path, "hanging", "import time", "time.sleep(100)")
    start = time.monotonic()
    assert bench.run_all(tmp_path, limit_s=0.2) == 1
    assert time.monotonic() - start < 50
    assert "was ended after 0.2 s" in capfd.readouterr().err


def test_without_a_fault_the_exit_code_is_zero_and_only_what_was_named_runs(bench, tmp_path, capfd):
    _part(tmp_path, "wanted", f"yield {ROW % 'this'}")
    _part(tmp_path, "other", "raise RuntimeError('not asked for')")
    assert bench.run_all(tmp_path, ["wanted"]) == 0
    assert "wanted: this: 1.5 s  0.50x of limit  (n 3)" in capfd.readouterr().out


def test_a_name_that_is_no_part_is_told_with_the_names_that_are(bench, tmp_path, capfd):
    _part(tmp_path, "wanted", "return []")
    assert bench.run_all(tmp_path, ["unheard"]) == 2
    assert "No benchmark is named unheard; there are wanted." in capfd.readouterr().err


def test_a_part_may_share_its_work_out_over_processes(bench, tmp_path, capfd):
    (tmp_path / "bench_shared.py").write_text(
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from multiprocessing import get_context\n"
        "def work(number):\n    return number * 2.0\n"
        "def run():\n"
        "    with ProcessPoolExecutor(1, mp_context=get_context('spawn')) as pool:\n"
        "        (value,) = pool.map(work, [3])\n"
        f"    yield {ROW % 'shared'} | {{'value': value}}\n",
        encoding="utf-8",
    )
    assert bench.run_all(tmp_path) == 0
    assert "shared: shared: 6 s" in capfd.readouterr().out
