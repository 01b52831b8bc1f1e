"""What the list of studies says of an image that is here: a side that a person has confirmed is no warning any more."""

from sinusviewer.domain.image import Volume
from sinusviewer.domain.volume_sides import UNVERIFIED
from sinusviewer.session import Session
from sinusviewer.session.connections import Connections
from sinusviewer.ui.studies_panel import StudiesPanel


class StudySigns:
    """Listens to a session for the panel on the left."""

    def __init__(self, session: Session, panel: StudiesPanel) -> None:
        self._session, self._panel = session, panel
        self._connections = Connections((session.image_changed, self._image_changed))

    def release(self) -> None:
        self._connections.release()

    def _image_changed(self, key: str) -> None:
        image = self._session.images.get(key)
        if image is None or (isinstance(image, Volume) and len(image.voxels) == 1):
            return  # the first slice of a volume that is being loaded says nothing of its sides
        parts = (image,) if isinstance(image, Volume) else image
        self._panel.set_settled(key, settled=all(w.code != UNVERIFIED for part in parts for w in part.warnings))
