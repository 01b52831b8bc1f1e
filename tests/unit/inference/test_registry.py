import json
import pickle
import zipfile
from pathlib import Path

import pytest
import tiny_models

from sinusviewer.errors import ModelFileError, SinusViewerError
from sinusviewer.inference.model_card import ModelTask, load_card, save_card, sha256_of
from sinusviewer.inference.registry import ModelRegistry


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    tiny_models.waters_models(tmp_path / "bundled")
    return ModelRegistry(tmp_path / "bundled", tmp_path / "own", threads=1)


def package(tmp_path: Path, version: str = "2.0", name: str = "waters_patch", **members: bytes) -> Path:
    folder = tmp_path / f"made-{version}" / "waters_patch"
    tiny_models.patch_model(folder, **({"version": version} | ({"name": name} if name else {})))
    target = tmp_path / f"package-{version}.zip"
    with zipfile.ZipFile(target, "w") as archive:
        archive.write(folder / "model.onnx", "model.onnx")
        archive.write(folder / "card.json", "card.json")
        for member, content in members.items():
            archive.writestr(member, content)
    return target


def test_bundled_models_are_found_and_load(registry: ModelRegistry) -> None:
    assert [e.name for e in registry.entries()] == ["waters_patch", "waters_sinusitis"]
    model = registry.load_active(ModelTask.WATERS_PATCH)
    assert model is not None
    assert model.session.provider == "CPUExecutionProvider"
    assert registry.load_active(ModelTask.WATERS_PATCH) is model
    assert registry.load_active(ModelTask.ECRS) is None


def test_changed_weights_are_not_loaded(registry: ModelRegistry, tmp_path: Path) -> None:
    path = tmp_path / "bundled" / "waters_patch" / "model.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    with pytest.raises(ModelFileError, match="checksum"):
        registry.load_active(ModelTask.WATERS_PATCH)
    assert [bool(registry.verify(e)) for e in registry.entries()] == [True, False]


def test_a_broken_card_is_named_and_the_other_models_stay(registry: ModelRegistry, tmp_path: Path) -> None:
    (tmp_path / "bundled" / "waters_patch" / "card.json").write_text("{", encoding="utf-8")
    broken, whole = registry.entries()
    assert broken.card is None
    assert broken.problem
    assert whole.card is not None
    assert registry.load_active(ModelTask.WATERS_SINUSITIS) is not None


def test_a_pickle_is_never_opened_even_with_the_right_checksum(registry: ModelRegistry, tmp_path: Path) -> None:
    folder = tmp_path / "bundled" / "waters_patch"
    (folder / "model.pkl").write_bytes(pickle.dumps({"weights": 1}))
    card = load_card(folder).model_copy(update={"file": "model.pkl", "sha256": sha256_of(folder / "model.pkl")})
    save_card(card, folder)
    with pytest.raises(ModelFileError, match="ONNX"):
        registry.load_active(ModelTask.WATERS_PATCH)


def test_installing_alone_changes_no_result_and_activating_does(registry: ModelRegistry, tmp_path: Path) -> None:
    entry = registry.install(package(tmp_path))
    assert (entry.version, entry.bundled) == ("2.0", False)
    assert registry.active(ModelTask.WATERS_PATCH)[0].version == "1.0"
    registry.activate("waters_patch", "2.0")
    assert registry.active(ModelTask.WATERS_PATCH)[0].version == "2.0"
    registry.activate("waters_patch", "1.0")
    assert registry.active(ModelTask.WATERS_PATCH)[0].version == "1.0"


def test_an_activated_model_of_another_name_takes_over_its_task(registry: ModelRegistry, tmp_path: Path) -> None:
    registry.install(package(tmp_path, "1.1", name="site_patch"))
    registry.activate("site_patch", "1.1")
    assert [e.name for e in registry.active(ModelTask.WATERS_PATCH)] == ["site_patch", "waters_patch"]


def test_installing_the_same_weights_twice_is_no_fault_but_other_weights_are(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    registry.install(package(tmp_path))
    registry.install(package(tmp_path))
    other = tmp_path / "other" / "waters_patch"
    tiny_models.antra_model(other, version="2.0", name="waters_patch")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.write(other / "model.onnx", "model.onnx")
        archive.write(other / "card.json", "card.json")
    with pytest.raises(ModelFileError, match="installed already"):
        registry.install(tmp_path / "other.zip")


def test_a_package_cannot_write_outside_its_folder(registry: ModelRegistry, tmp_path: Path) -> None:
    registry.install(package(tmp_path, "3.0", **{"../../evil.py": b"print()", "/etc/evil.json": b"{}"}))
    written = {p.name for p in (tmp_path / "own").rglob("*") if p.is_file()}
    assert written == {"model.onnx", "card.json"}
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("name", ["../up", "a/b", "..", ".hidden", "con trol"])
def test_a_card_cannot_name_a_folder_outside(name: str, registry: ModelRegistry, tmp_path: Path) -> None:
    with pytest.raises(SinusViewerError):
        registry.install(package(tmp_path, "4.0", name=name))
    assert not [p for p in (tmp_path / "own").rglob("*") if p.is_file()]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"hello"])
def test_what_is_no_zip_is_refused(content: bytes, registry: ModelRegistry, tmp_path: Path) -> None:
    target = tmp_path / "x.zip"
    target.write_bytes(content)
    with pytest.raises(ModelFileError, match="ZIP"):
        registry.install(target)


def test_a_package_whose_checksum_differs_leaves_nothing_behind(registry: ModelRegistry, tmp_path: Path) -> None:
    source = package(tmp_path)
    target = tmp_path / "changed.zip"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        new.writestr("model.onnx", old.read("model.onnx") + b"\0")
        new.writestr("card.json", old.read("card.json"))
    with pytest.raises(ModelFileError, match="checksum"):
        registry.install(target)
    assert not list((tmp_path / "own").rglob("*.onnx"))


def test_a_damaged_choice_of_models_falls_back_to_the_bundled_ones(registry: ModelRegistry, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "active.json").write_text(json.dumps(["nonsense"]), encoding="utf-8")
    assert registry.active(ModelTask.WATERS_PATCH)[0].bundled


def test_activating_what_is_not_there_says_so(registry: ModelRegistry) -> None:
    with pytest.raises(ModelFileError, match="no model"):
        registry.activate("waters_patch", "9")
