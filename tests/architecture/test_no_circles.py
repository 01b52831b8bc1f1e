"""No two modules import each other, not even late, inside functions or for type checking only."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def imports_of(folder: Path, package: str) -> dict[str, set[str]]:
    """Module to the modules of the same package that it imports anywhere."""
    files = {
        ".".join((package, *file.relative_to(folder).with_suffix("").parts)).removesuffix(".__init__"): file
        for file in folder.rglob("*.py")
    }
    graph: dict[str, set[str]] = {}
    for name, file in files.items():
        found: set[str] = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                submodules = {f"{node.module}.{alias.name}" for alias in node.names} & files.keys()
                found |= submodules or {node.module}
        graph[name] = (found & files.keys()) - {name}
    return graph


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """The first circle found, as a path; empty where there is none."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for other in sorted(graph[name]):
            if circle := walk(other, [*path, name]):
                return circle
        done.add(name)
        return []

    for name in sorted(graph):
        if circle := walk(name, []):
            return circle
    return []


@pytest.mark.parametrize(("folder", "package"), [("training/sinustrainer", "sinustrainer")])
def test_modules_import_each_other_in_one_direction(folder: str, package: str) -> None:
    assert circle_in(imports_of(ROOT / folder, package)) == []


def test_a_circle_is_seen() -> None:
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert circle_in({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []
