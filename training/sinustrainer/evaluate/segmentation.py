"""Segmentation judged against masks: Dice of region and sinuses, opacified shares, Lund-Mackay (Hua 2022, section 3.2 and Figure 4)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from sinustrainer.data.ct_cases import load_case_labels, load_case_volume
from sinustrainer.data.manifest import TRAIN, load_manifest
from sinustrainer.evaluate.learning_curves import draw_learning
from sinustrainer.evaluate.segmentation_figures import (
    Example,
    cut_example,
    draw_bland_altman,
    draw_examples,
    draw_region_dice,
)
from sinustrainer.evaluate.segmentation_scores import REGION, CaseDice, judge, region_dice, summary, write_cases
from sinustrainer.evaluate.segmentation_tables import (
    agreement_table,
    architecture,
    dice_table,
    paired_table,
    region_table,
)
from sinustrainer.evaluate.tables import Picture, Table, write_page
from sinustrainer.run_folder import write_json
from sinusviewer.errors import InputError
from sinusviewer.inference.model_card import ModelCard, load_card, verify_weights
from sinusviewer.inference.segmenter import Run, segment_with_opacity
from sinusviewer.jobs.runner import CancelToken, Progress


def evaluate(
    model: Path,
    data: Path,
    out: Path,
    progress: Progress,
    token: CancelToken,
    splits: tuple[str, ...] = (),
    limit: int | None = None,
    beside: Sequence[Path] = (),
    runs: Sequence[Path] = (),
) -> dict[str, Any]:
    """Segment every labelled CT and write Dice by structure, agreement of shares and scores, and examples.

    Parameters
    ----------
    beside
        Further networks that read the same CTs, for the region Dice of all of them in one table, and a paired test (Hua 2022
        compares U-Net with DeepLabv3 so).
    runs
        The trainings behind the models, for Figure 4.
    """
    manifest = load_manifest(data)
    networks = [(load_card(folder), folder) for folder in (model, *beside)]
    chosen = [s for s in manifest.splits if (s in splits if splits else s != TRAIN)]
    cases = [c for s in chosen for c in [c for c in manifest.of_split(s) if "labels" in c.files][:limit]]
    if not cases:
        raise InputError(
            "The data folder holds no labelled CT in these splits.", "Segmentation is judged against masks."
        )
    sessions = [_runner(card, folder) for card, folder in networks]
    results: list[list[CaseDice]] = [[] for _ in networks]
    examples: list[Example] = []
    for number_done, case in enumerate(cases):
        volume = load_case_volume(case)
        truth = load_case_labels(case, volume)
        for place, (card, _) in enumerate(networks):
            token.raise_if_cancelled()
            found, opacified = segment_with_opacity(sessions[place], volume, card, None, token)
            results[place].append(judge(case, volume, truth, found, card, opacified))
            if place == 0:
                alike = (truth > 0).astype(np.uint8) if REGION in card.labels else truth
                examples.append(cut_example(case.case_id, results[0][-1].dice[REGION], volume, alike, found))
        progress("Segmenting", (number_done + 1) / len(cases))
    main, first = results[0], networks[0][0]
    by_card = [(card, rows) for (card, _), rows in zip(networks, results, strict=True)]
    content = summary(main)
    content["model"] = {"name": first.name, "version": first.version, "sha256": first.sha256}
    content["networks"] = {
        card.name: {"architecture": architecture(card), "region_dice": region_dice(rows)} for card, rows in by_card
    }
    write_json(out / "evaluation.json", content)
    write_cases([(card.name, rows) for card, rows in by_card], out)
    draw_examples(examples, out)
    draw_region_dice([(architecture(card), rows) for card, rows in by_card], out)
    not_drawn = draw_learning(runs, {"validation/dice": "Dice"}, out, "figure4_training")
    parts: list[Table | Picture | None] = [
        region_table(by_card),
        paired_table(by_card),
        None if not_drawn else Picture("figure4_training.png", "Figure 4. While training", "Dice in held-out patients, and the loss."),
        Picture("region_dice.png", "Dice of the region, CT by CT", "A dot is one CT, the bar the mean; lines join the same CT."),
        dice_table(main),
        agreement_table(main),
        Picture("bland_altman.png", "Opacified share, found against true (Bland–Altman)", _BLAND_ALTMAN)
        if draw_bland_altman(main, out)
        else None,
        Picture("examples.png", "Worst, median and best CT", _EXAMPLES),
    ]  # fmt: skip
    statements = [
        f"Data: {manifest.statement}",
        *(f"Model {c.name} {c.version}. {c.trained_on}" for c, _ in networks),
        *([f"Figure 4: {not_drawn}"] if not_drawn else []),
        "Every CT's figures are in cases.csv, every slice's pixels in slices.csv.",
    ]
    write_page(out, "Segmentation of nose and sinuses (Hua 2022)", statements, [p for p in parts if p is not None])
    return content


_EXAMPLES = "By the region's Dice. R and L are the patient's sides; window L 300, W 2000 HU."
_BLAND_ALTMAN = (
    "A dot is one sinus. Full line: bias, with its 95 % interval; dashed: limits of agreement (bias ± 1.96 SD)."
)


def _runner(card: ModelCard, folder: Path) -> Run:
    session = onnxruntime.InferenceSession(verify_weights(card, folder))
    name = card.input.name
    return lambda images: np.asarray(session.run(["probabilities"], {name: images})[0])
