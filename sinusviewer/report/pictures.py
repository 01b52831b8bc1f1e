"""Overlay pictures for reports: boxes in the paper's colours, masks per sinus, side letters, and the research line."""

import io
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from sinusviewer.domain.anatomy import SINUS_CODES, ImageSide, Side, Sinus, Structure
from sinusviewer.domain.display import is_drawn
from sinusviewer.domain.film_turns import NOT_UPRIGHT
from sinusviewer.domain.finding import Author, Detection, FindingStatus
from sinusviewer.domain.image import BONE, SOFT_TISSUE, Radiograph, Volume
from sinusviewer.domain.mask_colors import COLOR_WORDS, MASK_RGB, mask_rgb
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.domain.scoring import score_text
from sinusviewer.imaging import resample, windowing
from sinusviewer.imaging.hanging import hanging_of
from sinusviewer.report.content import Picture
from sinusviewer.report.wording import HEATMAP_LINE, RESEARCH_LINE, SINUS_WORDS

RIGHT_RED = (255, 82, 82)
LEFT_BLUE = (92, 156, 255)
UNVERIFIED_YELLOW = (255, 206, 84)
_PATCH_GREEN = (120, 220, 140)
_TEXT = (235, 235, 235)
_LONGEST_SIDE = 1000
_BAND = 26
_LETTER = 24
_FILM_TYPE, _FILM_LETTER = 25, 34
"""Height of type, in pixels: a film has more of them, and is printed smaller."""
_MARGIN_MM = 35.0

SIDE_COLOURS = {
    Side.RIGHT: RIGHT_RED,
    Side.LEFT: LEFT_BLUE,
    ImageSide.IMAGE_LEFT: UNVERIFIED_YELLOW,
    ImageSide.IMAGE_RIGHT: UNVERIFIED_YELLOW,
}


def key_pictures(image: Radiograph | Volume, reading: SeriesReading, stem: str) -> tuple[Picture, ...]:
    """The pictures a report shows of a series that was read, and the bare film of one that was not; none of other images."""
    if reading.status is not SeriesStatus.READ:
        # A reader must see what was withheld; colour and captures may be of anything, so they are left to the viewer.
        bare = isinstance(image, Radiograph) and image.for_models and not image.is_color
        return (film_picture(image, reading, f"{stem}.png"),) if bare and isinstance(image, Radiograph) else ()
    if isinstance(image, Radiograph):
        return (film_picture(image, reading, f"{stem}.png"),)
    return ct_pictures(image, reading, stem)


def film_picture(film: Radiograph, reading: SeriesReading, name: str) -> Picture:
    """The film as it hangs (patient's right on the left, where that is known), with patch, boxes and scores if it was read."""
    hanging = hanging_of(film)
    mirrored = hanging.mirrored
    grey = np.rot90(windowing.to_display_uint8(film), -hanging.turns)
    grey = grey[:, ::-1] if mirrored else grey
    grey = grey[::-1] if hanging.upside_down else grey
    rows, columns = grey.shape
    scale = _LONGEST_SIDE / max(rows, columns)
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    canvas = Image.fromarray(np.ascontiguousarray(grey)).convert("RGB").resize(size, Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(canvas)

    def shown(xyxy: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        x0, y0, x1, y1 = hanging.box_to_hung(xyxy)
        return x0 * scale, y0 * scale, x1 * scale, y1 * scale

    waters = reading.waters
    if waters is not None:
        draw.rectangle(shown(waters.face_box), outline=_PATCH_GREEN, width=2)
        for box in (b for b in waters.boxes if is_drawn(b, waters.threshold)):
            place = shown(box.xyxy)
            colour = SIDE_COLOURS[box.side]
            draw.rectangle(place, outline=colour, width=4)
            _label(draw, (place[0], place[1] - 30), _box_text(box), colour, size=_FILM_TYPE)
    doubted = waters is None and any(w.code == NOT_UPRIGHT for w in reading.warnings)
    if film.patient_right_is_image_left is None or doubted:
        _label(draw, (8, size[1] // 2), "side unverified", UNVERIFIED_YELLOW, size=_FILM_TYPE)
    else:
        _label(draw, (8, size[1] // 2), "R", _TEXT, size=_FILM_LETTER)
        _label(draw, (size[0] - 32, size[1] // 2), "L", _TEXT, size=_FILM_LETTER)
    note = "Stored mirrored, shown turned." if mirrored else ""
    note = " ".join(p for p in (note, "Turned upright by the reader." if film.upright_turns else "") if p)
    if waters is None:
        why = (reading.reason or "").removeprefix("Not assessed: ").rstrip(".")
        state = "viewed only" if reading.status is SeriesStatus.VIEWED_ONLY else "not assessed"
        return _finish(canvas, name, f"The film, {state}{f': {why}' if why else ''}. Nothing is marked on it.", note)
    return _finish(canvas, name, "Waters' view with findings. Red: patient's right, blue: patient's left, green: the area read." if
                   film.patient_right_is_image_left is not None else
                   "Waters' view with findings; side unverified, image-left and image-right as stored.", note)  # fmt: skip


def ct_pictures(volume: Volume, reading: SeriesReading, stem: str) -> tuple[Picture, ...]:
    """A coronal and an axial slice through the largest part of the masks, bone window, radiological hanging."""
    canonical = resample.canonical(volume)
    labels = None
    if reading.segmentation is not None:
        labels = resample.reorient_array(reading.segmentation.labels, reading.segmentation.affine)
    box = _region_shown(canonical, labels)
    masks = replace(canonical, voxels=np.zeros((1, 1, 1), np.int16) if labels is None else labels.astype(np.int16))
    result = []
    for plane, axis in ((resample.Plane.CORONAL, 1), (resample.Plane.AXIAL, 0)):
        index = canonical.voxels.shape[axis] // 2 if labels is None or not labels.any() else _fullest(labels, axis)
        hu = resample.plane_slice(canonical, plane, index)
        mask = None if labels is None else resample.plane_slice(masks, plane, index).astype(np.uint8)
        across = [a for a in range(3) if a != axis]
        rows, columns = box[across[0]], box[across[1]]
        if plane is resample.Plane.CORONAL:  # its rows run from the head down
            rows = slice(hu.shape[0] - rows.stop, hu.shape[0] - rows.start)
        spacing = resample.plane_spacing(canonical, plane)
        picture = _ct_picture(
            hu[rows, columns], None if mask is None else mask[rows, columns], spacing, volume.oriented
        )
        at_mm = float(canonical.affine[2 - axis, 3] + canonical.affine[2 - axis, 2 - axis] * index)
        side = "patient's right on the left" if volume.oriented else "side unverified"
        where = f"{'z' if axis == 0 else 'y'} = {at_mm:.0f} mm"
        name = plane.name.lower()
        caption = f"{name.capitalize()} slice, {where}; bone window; {side}."
        if reading.segmentation_model is None and labels is not None:
            caption += " Outlined: air taken for the maxillary sinuses by rule."
        elif mask is not None:
            caption += _legend(mask[rows, columns], oriented=volume.oriented)
        result.append(_finish(picture, f"{stem}_{name}.png", caption, ""))
    if reading.heatmaps and reading.endotype is not None:
        result += [_heat_picture(volume, canonical, reading, number, stem) for number in range(len(reading.heatmaps))]
    return tuple(result)


def _legend(mask: npt.NDArray[np.uint8], *, oriented: bool) -> str:
    """Which outline is what, of those in the picture."""
    shown = set(np.unique(mask).tolist())
    present = [s for s in Sinus if shown & {SINUS_CODES[s, side] for side in Side}]
    if not present:
        return ""
    if not oriented:
        return f" Outlined: {', '.join(SINUS_WORDS[s] for s in present)}."
    words = [f"{SINUS_WORDS[s]} {right}, {left}" for s in present for right, left in (COLOR_WORDS[s],)]
    nose = "; nose grey" if Structure.NASAL_CAVITY in shown else ""
    return f" Outlined (right, left): {'; '.join(words)}{nose}."


def _heat_picture(volume: Volume, canonical: Volume, reading: SeriesReading, number: int, stem: str) -> Picture:
    """Where the network looked on the slice of highest probability, in the window it was shown."""
    heatmap = reading.heatmaps[number]
    slices = reading.endotype.slices if reading.endotype is not None else ()
    index = max(slices, key=lambda s: s.probability).slice_index if slices else canonical.voxels.shape[0] // 2
    hung = resample.reorient_array(heatmap.values, volume.affine)  # may be coarser than the volume
    rows, columns = canonical.voxels.shape[1:]
    heat = hung[index * len(hung) // canonical.voxels.shape[0]]
    heat = heat[(np.arange(rows) * heat.shape[0] // rows)[:, np.newaxis], np.arange(columns) * heat.shape[1] // columns]
    window = BONE if heatmap.window.startswith("Bone") else SOFT_TISSUE
    grey = np.repeat(windowing.to_display_uint8(canonical.voxels[index], window)[..., None], 3, axis=2)
    colour = np.stack([heat, np.clip(2 * heat - 1, 0, 1), np.zeros_like(heat)], axis=-1)  # black, red, yellow
    share = 0.6 * np.clip(heat, 0, 1)[..., None]
    rgb = (grey * (1 - share) + 255 * colour * share).astype(np.uint8)
    spacing = resample.plane_spacing(canonical, resample.Plane.AXIAL)
    picture = _scaled(rgb, spacing, volume.oriented)
    text = f"{heatmap.method}, {heatmap.layer}, {heatmap.window or 'all windows'}, slice {index + 1}. {HEATMAP_LINE}"
    return _finish(picture, f"{stem}_heat_{number + 1}.png", text, "")


def _region_shown(volume: Volume, labels: npt.NDArray[np.uint8] | None) -> tuple[slice, slice, slice]:
    """The sinuses with a generous margin, or all of the volume where none were found."""
    found = ndimage.find_objects((labels > 0).astype(np.uint8)) if labels is not None else []
    if not found:
        z, y, x = (slice(0, n) for n in volume.voxels.shape)
        return z, y, x
    margin = [round(_MARGIN_MM / s) for s in volume.spacing]
    z, y, x = (slice(max(w.start - m, 0), min(w.stop + m, n))
               for w, m, n in zip(found[0], margin, volume.voxels.shape, strict=True))  # fmt: skip
    return z, y, x


def _ct_picture(
    hu: npt.NDArray[np.int16],
    mask: npt.NDArray[np.uint8] | None,
    spacing: tuple[float, float],
    oriented: bool,
) -> Image.Image:
    rgb = np.repeat(windowing.to_display_uint8(hu, BONE)[..., None], 3, axis=2).astype(np.float32)
    if mask is not None:
        for code in (*MASK_RGB, Structure.NASAL_CAVITY):
            inside = mask == code
            if inside.any():
                # The shade says which side it is: where that is not known it must not be used.
                colour = mask_rgb(code) if oriented else UNVERIFIED_YELLOW
                rgb[inside] = 0.8 * rgb[inside] + 0.2 * np.asarray(colour, np.float32)
                edge = inside & ~_eroded(inside)
                rgb[edge] = colour
    return _scaled(rgb.astype(np.uint8), spacing, oriented)


def _scaled(rgb: npt.NDArray[np.uint8], spacing: tuple[float, float], oriented: bool) -> Image.Image:
    """A slice with square pixels and its side letters."""
    height_mm, width_mm = rgb.shape[0] * spacing[0], rgb.shape[1] * spacing[1]
    scale = 640 / max(height_mm, width_mm)
    size = (max(1, round(width_mm * scale)), max(1, round(height_mm * scale)))
    picture = Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(picture)
    if oriented:
        _label(draw, (8, size[1] // 2), "R", _TEXT, size=_LETTER)
        _label(draw, (size[0] - 26, size[1] // 2), "L", _TEXT, size=_LETTER)
    else:
        _label(draw, (8, size[1] // 2), "side unverified", UNVERIFIED_YELLOW)
    return picture


def _fullest(labels: npt.NDArray[np.uint8], axis: int) -> int:
    other = tuple(a for a in range(3) if a != axis)
    sinuses = (labels > 0) & (labels < Structure.NASAL_CAVITY)
    return int(np.count_nonzero(sinuses, axis=other).argmax())


def _eroded(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    padded = np.pad(mask, 1)
    return padded[1:-1, 1:-1] & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]


def _letter(side: Side | ImageSide) -> str:
    if isinstance(side, ImageSide):
        return side.value
    return "R" if side is Side.RIGHT else "L"


def _box_text(box: Detection) -> str:
    """Side, whose box it is, and the network's score where it is the network's."""
    if box.author is Author.READER:
        return f"{_letter(box.side)} reader"
    judged = "" if box.status is FindingStatus.PROPOSED else f", {box.status.value}"
    return f"{_letter(box.side)} AI {score_text(box.score)}{judged}"


def _label(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, colour: tuple[int, int, int], size: int = 17
) -> None:
    font = ImageFont.load_default(size)
    place = (max(2.0, place[0]), max(2.0, place[1]))
    draw.text(place, text, fill=colour, font=font, stroke_width=2, stroke_fill=(0, 0, 0))


def _finish(picture: Image.Image, name: str, caption: str, note: str) -> Picture:
    """Add a band below with the research line, so that no picture travels without it."""
    width = max(picture.width, 380)
    framed = Image.new("RGB", (width, picture.height + _BAND), (16, 16, 18))
    framed.paste(picture, ((width - picture.width) // 2, 0))
    draw = ImageDraw.Draw(framed)
    text = f"{RESEARCH_LINE} {note}".strip()
    draw.text((8, picture.height + 4), text, fill=_TEXT, font=ImageFont.load_default(15))
    buffer = io.BytesIO()
    framed.save(buffer, "PNG", optimize=False)
    return Picture(name, buffer.getvalue(), caption, framed.width, framed.height)
