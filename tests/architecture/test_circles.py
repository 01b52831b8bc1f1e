"""No module needs, at run time, late or for its types, a module that needs it."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def imports(package: Path) -> dict[str, set[str]]:
    """Every module with the modules of its package that it names, imports for type checking included."""
    files = {".".join(p.relative_to(package.parent).with_suffix("").parts): p for p in package.rglob("*.py")}
    modules = {name.removesuffix(".__init__"): path for name, path in files.items()}
    found: dict[str, set[str]] = {}
    for name, path in modules.items():
        named: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                submodules = {f"{node.module}.{alias.name}" for alias in node.names} & modules.keys()
                named |= submodules or {node.module}
            elif isinstance(node, ast.Import):
                named.update(alias.name for alias in node.names)
        found[name] = {n for n in named if n in modules and n != name}
    return found


@pytest.mark.parametrize("package", ["sinusviewer", "training/sinustrainer"])
def test_imports_go_round_in_no_circle(package: str) -> None:
    try:
        order = list(TopologicalSorter(imports(ROOT / package)).static_order())
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from error
    assert len(order) > 80


def test_a_circle_is_seen(tmp_path: Path) -> None:
    package = tmp_path / "toy"
    package.mkdir()
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        (package / f"{name}.py").write_text(f"def late():\n    from toy.{other} import x\n    return x\n")
    with pytest.raises(CycleError):
        list(TopologicalSorter(imports(package)).static_order())
