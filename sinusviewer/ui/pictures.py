"""Pictures that leave the program: a view or the key images as PNG, without name, number or date."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize
from PySide6.QtGui import QColor, QImage, QImageWriter, QPainter
from PySide6.QtWidgets import QFileDialog

from sinusviewer.domain.image import Identity
from sinusviewer.domain.study import mark_of
from sinusviewer.errors import StorageError
from sinusviewer.report.atomic import write_bytes
from sinusviewer.session import Session
from sinusviewer.ui.saving import ask_file
from sinusviewer.ui.view_content import ContentResolver, ViewContent
from sinusviewer.ui.view_geometry import display_matrix
from sinusviewer.ui.view_painter import ViewPainter, view_aspect

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget


def without_identity(content: ViewContent) -> ViewContent:
    """The same picture of nobody: modality is kept, for values need their unit."""
    return replace(
        content, identity=Identity(patient_name="No identity", modality=content.identity.modality), selected=""
    )


def picture(content: ViewContent, size: QSize) -> QImage:
    """Paint a view's content, without identity, into an image of its own."""
    image = QImage(size, QImage.Format.Format_RGB32)
    image.fill(QColor("#000000"))
    bare = without_identity(content)
    pixels = bare.pixels
    painter = QPainter(image)
    shape = (pixels.shape[0], pixels.shape[1]) if pixels is not None else (1, 1)
    area = (float(size.width()), float(size.height()))
    ViewPainter().paint(painter, bare, display_matrix(bare.state, shape, view_aspect(bare), area), area, None)
    painter.end()
    return image


def save_picture(content: ViewContent, size: QSize, path: Path) -> None:
    """Write a PNG through Python, so that no path is too foreign; Qt puts no text chunks into it.

    Raises
    ------
    StorageError
        Where it cannot be written.
    """
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, QByteArray(b"PNG")).write(picture(content, size))
    write_bytes(path, bytes(buffer.data().data()))


def export_view(window: "QWidget", session: Session, content: ViewContent, size: QSize) -> None:
    """Ask where to, and save what a view shows."""
    if content.pixels is None:
        return
    state = content.state
    proposed = f"view_{mark_of(state.series_key)}_{state.plane.value}_{state.slice_index + 1:03d}.png"
    path = ask_file(window, "Export this view without identity", proposed, "PNG (*.png)")
    if path is not None:
        try:
            save_picture(content, size, path)
        except StorageError as error:
            session.say(error.message, "error", error.hint)
            return
        session.say("Picture saved without identity.")


def export_key_images(window: "QWidget", session: Session) -> None:
    """Ask where to, and save all key images."""
    if not session.key_images:
        session.say("There are no key images.", "warning", "Mark a slice with K first.")
        return
    folder = QFileDialog.getExistingDirectory(window, "Export key images without identity to")
    if folder:
        try:
            count = write_key_images(session, Path(folder))
        except StorageError as error:
            session.say(error.message, "error", error.hint)
            return
        left_out = len(session.key_images) - count
        words = f"{count} key image{'' if count == 1 else 's'} saved without identity."
        if left_out:
            session.say(
                f"{words} {left_out} left out: the series {'is' if left_out == 1 else 'are'} not loaded.", "warning",
                "Show the image (click it among the key images), then export again.",
            )  # fmt: skip
        else:
            session.say(words)


def write_key_images(session: Session, folder: Path, size: QSize | None = None) -> int:
    """Write every key image whose pixels are loaded; returns how many.

    Each has the name of its series and slice, ``key_1a2b3c4d_axial_012.png``: a folder may hold those of many patients.
    """
    resolver, written = ContentResolver(), 0
    view = session.active_view
    before = session.views[view]
    for key in session.key_images:
        if key.series_key not in session.images:
            continue
        # Resolved from a state that is never shown: the views stay as they are.
        session.views[view] = replace(
            before, series_key=key.series_key, plane=key.plane, slice_index=key.slice_index, zoom=None, center=None,
            window=before.window if before.series_key == key.series_key else None,
        )  # fmt: skip
        try:
            content = resolver.content(session, view)
        finally:
            session.views[view] = before
        written += 1
        name = f"key_{mark_of(key.series_key)}_{key.plane.value}_{key.slice_index + 1:03d}.png"
        save_picture(content, size or QSize(1024, 1024), folder / name)
    return written
