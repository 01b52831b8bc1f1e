"""Open simulated films in the window and draw their manifest's boxes beside it: a picture for a person to check.

``python packaging/label_check.py DATA FOLDER [N]``: for the first N films of a data folder (default 3) one PNG, on the left the
window, on the right the stored pixels with the facial patch (blue), healthy antra (green) and sick ones (red).
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pydicom
from PIL import Image, ImageDraw

BLUE, GREEN, RED = (90, 130, 255), (60, 230, 60), (255, 70, 70)


def labelled(file: Path, labels: dict[str, Any], height: int) -> Image.Image:
    """The stored pixels, dense tissue bright, with the boxes of the manifest."""
    dataset = pydicom.dcmread(file)
    grey = dataset.pixel_array.astype(np.float32) / (2**dataset.BitsStored - 1)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        grey = 1 - grey
    scale = height / grey.shape[0]
    picture = Image.fromarray((grey * 255).astype(np.uint8)).convert("RGB")
    picture = picture.resize((round(grey.shape[1] * scale), height))
    drawing = ImageDraw.Draw(picture)
    drawing.rectangle([v * scale for v in labels["face_box"]], outline=BLUE, width=2)
    for antrum in labels["antra"]:
        drawing.rectangle([v * scale for v in antrum["xyxy"]], outline=RED if antrum["diseased"] else GREEN, width=2)
        text = f"patient's {antrum['side']} {antrum['subclass']}"
        drawing.text((antrum["xyxy"][0] * scale, antrum["xyxy"][3] * scale + 3), text, fill=(255, 230, 0))
    return picture


def main() -> int:
    if len(sys.argv) < 3:
        sys.stderr.write(f"{(__doc__ or '').strip()}\n")
        return 2
    data, folder = Path(sys.argv[1]), Path(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    cases = json.loads((data / "manifest.json").read_text(encoding="utf-8"))["cases"][:count]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        os.environ["SINUSVIEWER_HOME"] = home  # nobody's settings, studies or findings are in a picture
        from PySide6.QtWidgets import QApplication

        from sinusviewer.app import Program
        from sinusviewer.ui.screenshots import SIZE, wait_for
        from sinusviewer.ui.theme import apply_theme

        application = QApplication([])
        apply_theme(application, "dark", 100)
        program = Program()
        program.window.resize(*SIZE)
        program.window.show()
        try:
            for case in cases:
                file = data / case["files"]["image"]
                uid = str(pydicom.dcmread(file, stop_before_pixels=True).StudyInstanceUID)
                program.actions.opening.open_paths([file])
                wait_for(lambda uid=uid: uid in program.session.studies and not program.session.jobs, 120)  # type: ignore[misc]
                program.actions.opening.show_study(uid)
                wait_for(lambda: bool(program.session.images) and not program.session.jobs, 120)
                shot = folder / f"{case['case_id']}.png"
                program.window.grab().save(str(shot))
                window = Image.open(shot).convert("RGB")
                boxes = labelled(file, case["labels"], window.height)
                both = Image.new("RGB", (window.width + boxes.width, window.height))
                both.paste(window, (0, 0))
                both.paste(boxes, (window.width, 0))
                both.save(shot)
                sys.stdout.write(f"{shot}\n")
        finally:
            program.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
