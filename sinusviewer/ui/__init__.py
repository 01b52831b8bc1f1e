"""The window: PySide6 and pyqtgraph widgets that draw the session and emit requests."""
