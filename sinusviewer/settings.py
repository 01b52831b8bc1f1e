"""What the program remembers between two starts, as JSON in the user's data folder."""

import os
import tempfile
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sinusviewer.paths import user_data_dir


class Settings(BaseModel):
    """All settings with their defaults; unknown keys of newer versions are kept out, missing ones filled in."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    theme: str = Field(default="dark", pattern="^(dark|light)$")
    scale_percent: int = Field(default=100, ge=100, le=200)
    reader: str = ""
    window_geometry: str = ""
    window_state: str = ""
    left_panel_open: bool = True
    right_panel_open: bool = True
    mask_opacity: float = Field(default=0.35, ge=0, le=1)
    heatmap_opacity: float = Field(default=0.45, ge=0, le=1)
    cine_frames_per_second: int = Field(default=12, ge=1, le=60)
    read_on_open: bool = False
    shortcuts: dict[str, str] = Field(default_factory=dict)
    recent_paths: tuple[str, ...] = ()
    last_folder: str = ""

    def with_recent(self, path: str, keep: int = 10) -> "Settings":
        """The same settings with a path put first among the recent ones."""
        others = tuple(p for p in self.recent_paths if p != path)
        return self.model_copy(update={"recent_paths": (path, *others)[:keep]})


def settings_file() -> Path:
    return user_data_dir() / "settings.json"


def load_settings(path: Path | None = None) -> Settings:
    """The saved settings, or the defaults where there are none or the file is damaged."""
    try:
        return Settings.model_validate_json((path or settings_file()).read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return Settings()


def save_settings(settings: Settings, path: Path | None = None) -> None:
    """Write to a temporary file and rename it, so that a crash never leaves half a file."""
    target = path or settings_file()
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".settings-", suffix=".json")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(settings.model_dump_json(indent=2))
        temporary.replace(target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
