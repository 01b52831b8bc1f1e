"""Where a model lies that is named on the command line."""

from pathlib import Path

from sinusviewer import paths
from sinusviewer.errors import InputError
from sinusviewer.inference.model_card import CARD_FILE, load_card, verify_weights


def model_folder(name: str) -> Path:
    """Folder of a model by name (bundled first, then installed) or by path, its weights verified.

    Raises
    ------
    InputError
        Where there is none.
    """
    for folder in (Path(name), paths.bundled_models_dir() / name, paths.user_models_dir() / name):
        if (folder / CARD_FILE).is_file():
            verify_weights(load_card(folder), folder)
            return folder
    raise InputError(f"There is no model “{name}”.", "Give a name of models/, or the path of a model folder.")
