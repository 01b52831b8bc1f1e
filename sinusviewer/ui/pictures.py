"""Pictures that leave the program: a view or the key images as PNG, without name, number or date."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize
from PySide6.QtGui import QColor, QImage, QImageWriter, QPainter
from PySide6.QtWidgets import QFileDialog

from sinusviewer.domain.image import Identity
from sinusviewer.errors import StorageError
from sinusviewer.report.atomic import write_bytes
from sinusviewer.session import Session
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
    name, _ = QFileDialog.getSaveFileName(window, "Export this view without identity", "view.png", "PNG (*.png)")
    if name:
        try:
            save_picture(content, size, Path(name).with_suffix(".png"))
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
        session.say(f"{count} key images saved without identity.")


def write_key_images(session: Session, folder: Path, size: QSize | None = None) -> int:
    """Write every key image whose pixels are loaded, as ``key_01.png`` and so on; returns how many."""
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
        save_picture(content, size or QSize(1024, 1024), folder / f"key_{written:02d}.png")
    return written
