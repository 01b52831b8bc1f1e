"""Settings that must stand before numpy, torch or Qt are imported."""

import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch under load is up to six times slower without it
os.environ.setdefault("MPLBACKEND", "Agg")
sys.path.insert(0, str(Path(__file__).resolve().parent))

import pytest
from hypothesis import HealthCheck, settings

# Its limits are of the clock, 200 ms an example: on a busy machine they fail tests in which nothing is wrong.
settings.register_profile("sinusviewer", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sinusviewer")


@pytest.fixture(autouse=True)
def _own_data_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test ever touches the user's own data folder."""
    monkeypatch.setenv("SINUSVIEWER_HOME", str(tmp_path_factory.mktemp("home")))
