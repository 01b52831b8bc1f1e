"""Where the shared reference data lies, if it is here."""

import os
from pathlib import Path

import pytest


def shared_dir() -> Path | None:
    """The folder named by SINUSVIEWER_SHARED, or ``../shared`` beside the repository."""
    named = os.environ.get("SINUSVIEWER_SHARED")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared"
    return folder if folder.is_dir() else None


def needs_shared(test):  # type: ignore[no-untyped-def]
    """Mark a test as needing the shared data and skip it, with a reason, where that is absent."""
    skipped = pytest.mark.skipif(shared_dir() is None, reason="shared reference data not found (SINUSVIEWER_SHARED)")
    return pytest.mark.shared(skipped(test))
