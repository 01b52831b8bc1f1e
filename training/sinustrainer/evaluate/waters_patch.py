"""The facial patch alone: accuracy and mean IoU, where no sinusitis model is given."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from sinustrainer.data.film_sources import read_film
from sinustrainer.data.manifest import TRAIN, Manifest
from sinustrainer.evaluate.tables import Table, percent, write_page
from sinustrainer.evaluate.waters_tables import mean_sd, split_name
from sinustrainer.run_folder import write_json
from sinusviewer.imaging.preprocess import FilmPreprocessing, film_input, place_whole
from sinusviewer.inference.detector import best_face, decode
from sinusviewer.inference.model_card import load_card, verify_weights
from sinusviewer.jobs.runner import CancelToken, Progress
from sinusviewer.statistics.detection import box_iou, contains


def evaluate_patch(
    patch: Path,
    manifest: Manifest,
    out: Path,
    progress: Progress,
    token: CancelToken,
    splits: tuple[str, ...],
    limit: int | None,
) -> dict[str, Any]:
    """Share of patches that hold both antra, and mean IoU, for each split."""
    card = load_card(patch)
    session = onnxruntime.InferenceSession(verify_weights(card, patch))
    settings = FilmPreprocessing.from_card(card.input.preprocessing)
    rows: list[tuple[str, ...]] = [("", "n", "ACC", "mIoU", "Lowest IoU")]
    content: dict[str, Any] = {"schema_version": 1, "splits": {}}
    chosen = [s for s in manifest.splits if (s in splits if splits else s != TRAIN)]
    for number, split in enumerate(chosen):
        overlaps: list[float] = []
        holds: list[bool] = []
        for case in manifest.of_split(split)[:limit]:
            token.raise_if_cancelled()
            film = read_film(case)
            shape = (film.source.values.shape[0], film.source.values.shape[1])
            placement = place_whole(shape, settings.size)
            raw = session.run(None, {card.input.name: film_input(film.source, placement, settings)})[0][0]
            box = placement.boxes_to_image(best_face(decode(raw, card.parameters["anchors"], settings.size)).xyxy)
            overlaps.append(float(box_iou([box], [film.face_box])[0, 0]))
            holds.append(all(contains(box, a.xyxy) for a in film.antra))
        progress("Reading films", (number + 1) / len(chosen))
        if overlaps:
            content["splits"][split] = {
                "films": len(holds), "patch_accuracy": float(np.mean(holds)), "patch_miou": float(np.mean(overlaps)),
            }  # fmt: skip
            rows.append((
                split_name(split), str(len(holds)), percent(float(np.mean(holds))), mean_sd(overlaps), f"{min(overlaps):.2f}",
            ))  # fmt: skip
    write_json(out / "evaluation.json", content)
    table = Table("table2_patch", "Facial patch detection", tuple(rows), "ACC: the patch holds both antra whole.")
    write_page(out, "Facial patch (Oh 2021)", [f"Data: {manifest.statement}", card.trained_on], [table])
    return content
