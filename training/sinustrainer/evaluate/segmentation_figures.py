"""The figures of a segmentation's evaluation: Dice by network, Bland-Altman of opacified shares, worst to best case."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.patches import Patch

from sinustrainer.evaluate.grad_cam_figure import mark_sides
from sinustrainer.evaluate.nomogram_figures import new_figure, save_figure
from sinustrainer.evaluate.segmentation_scores import NAMES, REGION, CaseDice, Labels, fraction_bias
from sinusviewer.domain.anatomy import Sinus
from sinusviewer.domain.image import Volume
from sinusviewer.imaging.resample import canonical, reorient_array

_MARGIN_MM = 12.0
_WINDOW_HU = (-700, 1300)
_DOTS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00")


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """One slice as radiologists hang it, cut to the sinuses: HU, labels true and found, rows over columns in mm."""

    title: str
    hu: npt.NDArray[np.int16]
    truth: Labels
    found: Labels
    aspect: float


@dataclass(frozen=True, slots=True)
class Example:
    """Three slices of one CT."""

    case_id: str
    dice: float
    planes: tuple[Plane, ...]


def cut_example(case_id: str, dice: float, volume: Volume, truth: Labels, found: Labels) -> Example:
    """Two axial levels and a coronal one, through the labelled region."""
    turned = canonical(volume)
    a, b = (np.ascontiguousarray(reorient_array(labels, volume.affine)) for labels in (truth, found))
    held = [np.flatnonzero((a > 0).any(axis=tuple(i for i in range(3) if i != axis))) for axis in range(3)]
    sx, sy, sz = turned.spacing[2], turned.spacing[1], turned.spacing[0]
    if not held[0].size:
        return Example(case_id, dice, ())
    either = (a > 0) | (b > 0)
    box = []
    for axis, step in enumerate((sz, sy, sx)):
        own = np.flatnonzero(either.any(axis=tuple(i for i in range(3) if i != axis)))
        extra = round(_MARGIN_MM / step)
        box.append(slice(max(0, int(own[0]) - extra), int(own[-1]) + extra + 1))
    planes = []
    for share in (0.25, 0.625):
        z = int(held[0][int(share * (held[0].size - 1))])
        level = (z, box[1], box[2])
        planes.append(
            Plane(f"axial, slice {z}", turned.voxels[level].copy(), a[level].copy(), b[level].copy(), sy / sx)
        )
    y = int((a > 0).sum(axis=(0, 2)).argmax())  # where most of the region is cut
    wall = (box[0], y, box[2])
    cut = (turned.voxels[wall][::-1].copy(), a[wall][::-1].copy(), b[wall][::-1].copy())
    planes.append(Plane(f"coronal, row {y}", *cut, sz / sx))
    return Example(case_id, dice, tuple(planes))


def draw_examples(examples: Sequence[Example], out: Path) -> None:
    """The worst, the median and the best CT by the region's Dice: labelled above, found below, with a legend."""
    ordered = sorted((e for e in examples if e.planes), key=lambda e: e.dice)
    if not ordered:
        return
    places = dict.fromkeys([0, (len(ordered) - 1) // 2, len(ordered) - 1])
    words = dict(zip((0, len(ordered) - 1, (len(ordered) - 1) // 2), ("Worst", "Best", "Median"), strict=True))
    words |= {0: "Worst"} if len(ordered) > 1 else {0: "The only CT"}
    figure, _ = new_figure(10.5, 5.4 * len(places) + 0.8, 1)
    figure.clear()
    colors = mpl.colormaps["tab20"].resampled(20)
    codes: set[int] = set()
    for row, place in enumerate(places):
        e = ordered[place]
        for column, plane in enumerate(e.planes):
            for below, (labels, what) in enumerate(((plane.truth, "labelled"), (plane.found, "found"))):
                axes = figure.add_subplot(2 * len(places), 3, (2 * row + below) * 3 + column + 1)
                axes.imshow(plane.hu, cmap="gray", vmin=_WINDOW_HU[0], vmax=_WINDOW_HU[1], aspect=plane.aspect)
                shown = np.ma.masked_equal(labels, 0)
                axes.imshow(
                    shown, cmap=colors, vmin=0, vmax=19, alpha=0.5, interpolation="nearest", aspect=plane.aspect
                )
                mark_sides(axes)
                title = f"{words[place]}: {e.case_id}, Dice {e.dice:.3f}\n" if not column and not below else ""
                axes.set_title(f"{title}{plane.title}, {what}", fontsize=8, loc="left")
                codes |= {int(c) for c in np.unique(labels) if c}
    single = codes == {1}
    handles = [Patch(color=colors(c), alpha=0.6, label=REGION if single else NAMES.get(c, str(c)).replace("_", " "))
               for c in sorted(codes)]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    save_figure(figure, out, "examples")


def draw_region_dice(results: Sequence[tuple[str, Sequence[CaseDice]]], out: Path) -> None:
    """The region's Dice of every CT, network by network; CTs read by two networks are joined."""
    figure, (axes,) = new_figure(1.6 + 1.5 * len(results), 3.6)
    every = np.array([[r.dice[REGION] for r in rows] for _, rows in results])
    if len(results) > 1:
        axes.plot(np.arange(len(results)), every, color="0.85", linewidth=0.6)
    for place, ((name, _), values) in enumerate(zip(results, every, strict=True)):
        spread = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 and len(results) == 1 else 0.0
        axes.plot(place + spread * np.ones(len(values)), values, "o", color="#0072B2", markersize=3, alpha=0.6)
        axes.plot([place - 0.25, place + 0.25], [values.mean()] * 2, color="0.1", linewidth=2)
        axes.annotate(f"{values.mean():.3f}", (place + 0.27, values.mean()), va="center", fontsize=8)
        axes.annotate(name, (place, 0), (0, -14), xycoords=("data", "axes fraction"), textcoords="offset points",
                      ha="center", fontsize=8)  # fmt: skip
    axes.set(ylabel="Dice of the region", xlim=(-0.5, len(results) - 0.3))
    axes.set_xticks([])
    save_figure(figure, out, "region_dice")


def draw_bland_altman(results: Sequence[CaseDice], out: Path) -> bool:
    """Found minus true opacified share over their mean, by kind of sinus; returns whether there was anything to draw."""
    whole = fraction_bias(results)
    if whole is None:
        return False
    figure, (axes,) = new_figure(6.4, 4.4)
    for color, sinus in zip(_DOTS, Sinus, strict=False):
        own = np.array([pair for r in results for n, pair in r.fraction.items() if n.endswith(sinus.value)])
        if own.size:
            gap, middle = own[:, 1] - own[:, 0], own.mean(axis=1)
            axes.plot(
                100 * middle, 100 * gap, "o", color=color, markersize=3, alpha=0.6, label=sinus.value.replace("_", " ")
            )
    axes.axhline(0, color="0.8", linewidth=0.8)
    axes.axhline(
        100 * whole["bias"], color="0.1", linewidth=1.4, label=f"bias {100 * whole['bias']:+.1f}".replace("-", "−")
    )
    if whole["ci95"]:
        axes.axhspan(*(100 * end for end in whole["ci95"]), color="0.1", alpha=0.12, linewidth=0)
    for end in whole["limits"] or ():
        axes.axhline(100 * end, color="0.1", linewidth=1.0, linestyle="--")
    axes.set(
        xlabel="Mean of true and found opacified share, %", ylabel="Found minus true, percentage points", xlim=(-2, 102)
    )
    axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    save_figure(figure, out, "bland_altman")
    return True
