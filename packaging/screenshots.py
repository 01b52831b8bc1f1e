"""``make screenshots``: remake the README's pictures from the sample study, offscreen."""

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

PICTURES = Path(__file__).resolve().parents[1] / "resources" / "pictures"


def main() -> int:
    """Write the pictures; a folder of one's own and another study may be named: ``screenshots.py STUDY FOLDER``."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["SINUSVIEWER_HOME"] = home  # nobody's settings, studies or findings are in a picture
        from PySide6.QtWidgets import QApplication

        from sinusviewer.app import Program
        from sinusviewer.errors import SinusViewerError
        from sinusviewer.paths import resources_dir
        from sinusviewer.ui.screenshots import take_pictures
        from sinusviewer.ui.theme import apply_theme

        application = QApplication([])
        apply_theme(application, "dark", 100)
        study = Path(sys.argv[1]) if len(sys.argv) > 1 else resources_dir() / "sample"
        folder = Path(sys.argv[2]) if len(sys.argv) > 2 else PICTURES
        program = Program()
        program.show_device()
        try:
            for path in take_pictures(program, study, folder):
                sys.stdout.write(f"{path}\n")
        except SinusViewerError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        finally:
            program.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
