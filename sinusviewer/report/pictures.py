"""Overlay pictures for reports: boxes in the paper's colours, masks per sinus, side letters, and the research line."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from sinusviewer.domain.anatomy import ImageSide, Side, Structure
from sinusviewer.domain.geometry import canonical_axes, reoriented_affine
from sinusviewer.domain.image import BONE, Radiograph, Volume, Window
from sinusviewer.domain.reading import SeriesReading, SeriesStatus
from sinusviewer.report.content import Picture
from sinusviewer.report.wording import RESEARCH_LINE

RIGHT_RED = (255, 82, 82)
LEFT_BLUE = (92, 156, 255)
UNVERIFIED_YELLOW = (255, 206, 84)
_PATCH_GREEN = (120, 220, 140)
_TEXT = (235, 235, 235)
_LONGEST_SIDE = 1000
_BAND = 26

SIDE_COLOURS = {
    Side.RIGHT: RIGHT_RED,
    Side.LEFT: LEFT_BLUE,
    ImageSide.IMAGE_LEFT: UNVERIFIED_YELLOW,
    ImageSide.IMAGE_RIGHT: UNVERIFIED_YELLOW,
}
STRUCTURE_COLOURS = {
    Structure.RIGHT_MAXILLARY: (255, 99, 99),
    Structure.LEFT_MAXILLARY: (92, 156, 255),
    Structure.RIGHT_ANTERIOR_ETHMOID: (255, 176, 77),
    Structure.LEFT_ANTERIOR_ETHMOID: (77, 208, 225),
    Structure.RIGHT_POSTERIOR_ETHMOID: (255, 213, 79),
    Structure.LEFT_POSTERIOR_ETHMOID: (38, 166, 154),
    Structure.RIGHT_FRONTAL: (240, 98, 186),
    Structure.LEFT_FRONTAL: (149, 117, 245),
    Structure.RIGHT_SPHENOID: (255, 138, 101),
    Structure.LEFT_SPHENOID: (129, 199, 132),
    Structure.NASAL_CAVITY: (176, 190, 197),
}


def key_pictures(image: Radiograph | Volume, reading: SeriesReading, stem: str) -> tuple[Picture, ...]:
    """The pictures a report shows of a series that was read; none for images that are only viewed."""
    if reading.status is not SeriesStatus.READ:
        return ()
    if isinstance(image, Radiograph):
        return (film_picture(image, reading, f"{stem}.png"),)
    return ct_pictures(image, reading, stem)


def film_picture(film: Radiograph, reading: SeriesReading, name: str) -> Picture:
    """The film as it hangs (patient's right on the left, where that is known), with patch, boxes and scores."""
    grey = _grey(film)
    mirrored, upside_down = film.patient_right_is_image_left is False, film.upside_down
    grey = grey[:, ::-1] if mirrored else grey
    grey = grey[::-1] if upside_down else grey
    rows, columns = grey.shape
    scale = _LONGEST_SIDE / max(rows, columns)
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    canvas = Image.fromarray(np.ascontiguousarray(grey)).convert("RGB").resize(size, Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(canvas)

    def shown(xyxy: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        x0, y0, x1, y1 = xyxy
        if mirrored:
            x0, x1 = columns - x1, columns - x0
        if upside_down:
            y0, y1 = rows - y1, rows - y0
        return x0 * scale, y0 * scale, x1 * scale, y1 * scale

    waters = reading.waters
    if waters is not None:
        draw.rectangle(shown(waters.face_box), outline=_PATCH_GREEN, width=2)
        for box in waters.boxes:
            place = shown(box.xyxy)
            colour = SIDE_COLOURS[box.side]
            draw.rectangle(place, outline=colour, width=4)
            _label(draw, (place[0], place[1] - 20), f"{_letter(box.side)} {box.score:.2f}", colour)
    if film.patient_right_is_image_left is None:
        _label(draw, (8, size[1] // 2), "side unverified", UNVERIFIED_YELLOW)
    else:
        _label(draw, (8, size[1] // 2), "R", _TEXT, large=True)
        _label(draw, (size[0] - 26, size[1] // 2), "L", _TEXT, large=True)
    note = "stored mirrored, shown turned" if mirrored else ""
    return _finish(canvas, name, "Waters' view with findings. Red: patient's right, blue: patient's left." if
                   film.patient_right_is_image_left is not None else
                   "Waters' view with findings; side unverified, image-left and image-right as stored.", note)  # fmt: skip


def ct_pictures(volume: Volume, reading: SeriesReading, stem: str) -> tuple[Picture, ...]:
    """A coronal and an axial slice through the largest part of the masks, bone window, radiological hanging."""
    permutation, flips = canonical_axes(volume.affine)
    turn = tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)
    voxels = volume.voxels.transpose(permutation)[turn]
    affine = reoriented_affine(volume.affine, volume.voxels.shape, permutation, flips)
    spacing = [float(np.linalg.norm(affine[:3, 2 - axis])) for axis in range(3)]
    labels = None
    if reading.segmentation is not None:
        labels = reading.segmentation.labels.transpose(permutation)[turn]
    result = []
    for plane, axis, across in (("coronal", 1, (0, 2)), ("axial", 0, (1, 2))):
        index = voxels.shape[axis] // 2 if labels is None or not labels.any() else _fullest(labels, axis)
        cut = (slice(None), index) if axis == 1 else (index,)
        hu, mask = voxels[cut], None if labels is None else labels[cut]
        if plane == "coronal":  # head up: rows run from the head down
            hu, mask = hu[::-1], None if mask is None else mask[::-1]
        picture = _ct_picture(hu, mask, (spacing[across[0]], spacing[across[1]]), volume.oriented, BONE)
        at_mm = float(affine[1, 3] if axis == 1 else affine[2, 3]) + index * (spacing[axis])
        caption = f"{plane.capitalize()} slice at {at_mm:.0f} mm, bone window; patient's right on the left."
        if not volume.oriented:
            caption = f"{plane.capitalize()} slice at {at_mm:.0f} mm, bone window; side unverified."
        result.append(_finish(picture, f"{stem}_{plane}.png", caption, ""))
    return tuple(result)


def window_to_uint8(hu: npt.NDArray[np.int16], window: Window) -> npt.NDArray[np.uint8]:
    """HU through a linear window to 0-255."""
    low = window.center - window.width / 2
    grey: npt.NDArray[np.uint8] = np.clip((hu.astype(np.float32) - low) * (255.0 / window.width), 0, 255).astype(
        np.uint8
    )
    return grey


def _grey(film: Radiograph) -> npt.NDArray[np.uint8]:
    """The film between the 1st and 99th percentile of its unpadded pixels, bright bone."""
    values = film.pixels.astype(np.float32)
    inside = values if film.padding is None else values[~film.padding]
    low, high = (float(v) for v in np.percentile(inside, (1, 99))) if inside.size else (0.0, 1.0)
    unit = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
    if film.inverted:
        unit = 1 - unit
    if film.padding is not None:
        unit[film.padding] = 0
    grey: npt.NDArray[np.uint8] = (255 * unit).astype(np.uint8)
    return grey


def _ct_picture(
    hu: npt.NDArray[np.int16],
    mask: npt.NDArray[np.uint8] | None,
    spacing: tuple[float, float],
    oriented: bool,
    window: Window,
) -> Image.Image:
    rgb = np.repeat(window_to_uint8(hu, window)[..., None], 3, axis=2).astype(np.float32)
    if mask is not None:
        for code, colour in STRUCTURE_COLOURS.items():
            inside = mask == code
            if inside.any():
                rgb[inside] = 0.65 * rgb[inside] + 0.35 * np.asarray(colour, np.float32)
                edge = inside & ~_eroded(inside)
                rgb[edge] = colour
    height_mm, width_mm = hu.shape[0] * spacing[0], hu.shape[1] * spacing[1]
    scale = 640 / max(height_mm, width_mm)
    size = (max(1, round(width_mm * scale)), max(1, round(height_mm * scale)))
    picture = Image.fromarray(rgb.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(picture)
    if oriented:
        _label(draw, (8, size[1] // 2), "R", _TEXT, large=True)
        _label(draw, (size[0] - 26, size[1] // 2), "L", _TEXT, large=True)
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


def _label(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, colour: tuple[int, int, int], large: bool = False
) -> None:
    font = ImageFont.load_default(24 if large else 17)
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
