"""The session: the one observable state of the window. It changes only in the GUI thread and knows no Qt.

In four layers, each with its own signals: images, the views of them, what is marked on them with its undo, and the rest.
"""

from sinusviewer.domain.session_parts import Edit, ImageMarks, JobState, Message
from sinusviewer.session.images import Image, reading_key
from sinusviewer.session.state import Session
from sinusviewer.session.views import VIEWS

__all__ = ["VIEWS", "Edit", "Image", "ImageMarks", "JobState", "Message", "Session", "reading_key"]
