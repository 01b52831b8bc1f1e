"""Where things lie: bundled resources and models, and the user's own data folder."""

import os
from pathlib import Path

import platformdirs

_PACKAGE = Path(__file__).resolve().parent
_ROOT = _PACKAGE.parent


def _bundled(installed: str, checkout: str) -> Path:
    inside = _PACKAGE / installed
    return inside if inside.is_dir() else _ROOT / checkout


def resources_dir() -> Path:
    """Icons, style sheets, schemas, report templates and the sample study."""
    return _bundled("_resources", "resources")


def bundled_models_dir() -> Path:
    """The weights that come with the product."""
    return _bundled("_models", "models")


def user_data_dir() -> Path:
    """The user's folder for the study index, findings, installed models; ``SINUSVIEWER_HOME`` overrides it."""
    override = os.environ.get("SINUSVIEWER_HOME")
    folder = Path(override) if override else Path(platformdirs.user_data_dir("SinusViewer", appauthor=False))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def user_models_dir() -> Path:
    """Models a site has installed beside the bundled ones."""
    folder = user_data_dir() / "models"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
