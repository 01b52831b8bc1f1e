"""The window's parts and where they stand; it knows neither session nor actions."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QMainWindow,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from sinusviewer.actions.table import MENUS
from sinusviewer.ui import verbs
from sinusviewer.ui.icons import icon
from sinusviewer.ui.job_bar import JobBar
from sinusviewer.ui.navigator import Navigator
from sinusviewer.ui.notice_bar import NoticeBar
from sinusviewer.ui.start_page import StartPage
from sinusviewer.ui.studies_panel import StudiesPanel
from sinusviewer.ui.view_area import ViewArea

_LEFT_WIDTH, _RIGHT_WIDTH = 210, 400
"""Of the side panels at 100 %, in pixels."""
ICON_SIDE = 20
_TOOLBAR = (
    "open_files", "open_folder", "read", "", "tool_pointer", "tool_window", "tool_zoom", "tool_pan", "tool_magnifier", "",
    "tool_length", "tool_angle", "tool_ellipse", "tool_rectangle", "tool_probe", "tool_box", "tool_brush", "",
    "layout_one", "layout_two", "layout_mpr", "layout_sinus_ct", "link", "", "invert", "flip", "rotate", "fit", "reset",
    "mirror_compare", "play", "key_image", "", "masks", "heatmap", "hide_ai", "", "undo", "redo",
)  # fmt: skip


class WindowFrame(QMainWindow):
    """Studies on the left, the picture in the middle, results in tabs on the right, jobs below."""

    scale_requested = Signal(int)
    results_export_requested = Signal()
    training_export_requested = Signal()
    read_list_requested = Signal()
    prior_requested = Signal()
    report_copy_requested = Signal()

    def __init__(self, view_area: ViewArea) -> None:
        super().__init__()
        self.setObjectName("main_window")
        self.setAcceptDrops(True)
        self.setMinimumSize(900, 560)
        self.resize(1440, 900)
        self.view_area = view_area
        self.start_page = StartPage()
        self.studies_panel = StudiesPanel()
        self.notice_bar = NoticeBar()
        self.job_bar = JobBar()
        self.navigator = Navigator()
        self.tabs = QTabWidget()
        self.tabs.setObjectName("result_tabs")
        self.tabs.setDocumentMode(True)
        self.tabs.setMinimumWidth(250)
        self._lay_out()

    def _lay_out(self) -> None:
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.start_page)
        self._pages.addWidget(self.view_area)
        column.addWidget(self.notice_bar)
        column.addWidget(self._pages, 1)
        column.addWidget(self.navigator)
        self.middle = column
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setObjectName("main_splitter")
        self._splitter.setHandleWidth(3)
        for widget in (self.studies_panel, middle, self.tabs):
            self._splitter.addWidget(widget)
        self._splitter.setStretchFactor(1, 1)
        self._splitter.setCollapsible(1, False)
        self._splitter.setSizes([_LEFT_WIDTH, 830, _RIGHT_WIDTH])
        central = QWidget()
        central.setObjectName("central")
        outer = QVBoxLayout(central)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self._splitter, 1)
        outer.addWidget(self.job_bar)
        self.setCentralWidget(central)

    def _build_menus(self, actions: dict[str, QAction]) -> None:
        for name in MENUS:
            menu = self.menuBar().addMenu(name)
            menu.setObjectName(f"menu_{name.casefold()}")
            menu.setToolTipsVisible(True)
            for entry in verbs.menu_entries(name):
                menu.addAction(actions[entry])
            if name == "View":
                scale = menu.addMenu("Size of type")
                for percent in (100, 125, 150, 175, 200):
                    scale.addAction(f"{percent} %").triggered.connect(
                        lambda _checked=False, percent=percent: self.scale_requested.emit(percent)
                    )
        self.toolbar = QToolBar("Tools")
        self.toolbar.setObjectName("toolbar")
        self.toolbar.setMovable(False)
        for entry in _TOOLBAR:
            if entry:
                self.toolbar.addAction(actions[entry])
            else:
                self.toolbar.addSeparator()
        read = self.toolbar.widgetForAction(actions["read"])
        if read is not None:
            read.setProperty("toolButtonStyle", Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.addToolBar(self.toolbar)
        self._more = self.toolbar.findChild(QToolButton, "qt_toolbar_ext_button")
        self.dress_toolbar(100)
        # The menus make the keys work in the whole window; those that belong to the pictures need them as their widget.
        for action in actions.values():
            self.view_area.addAction(action)

    def dress_toolbar(self, scale_percent: int) -> None:
        """Icons in the theme's ink, growing with the type; where not all fit, » at the end shows the rest.

        Qt's own arrow for that is black whatever the theme, and takes part in no change of it.
        """
        side = round(ICON_SIDE * (1 + (scale_percent / 100 - 1) * 0.4))
        self.toolbar.setIconSize(QSize(side, side))
        if self._more is not None:
            self._more.setIcon(icon("mdi6.chevron-double-right"))
            self._more.setIconSize(QSize(12, side))
            self._more.setToolTip("More tools")
            self._more.setAccessibleName("More tools")

    def fit_panels(self, scale_percent: int) -> None:
        """Side panels as wide as the type asks for, where the screen has the room; the pictures keep half of the width."""
        left, _middle, right = self._splitter.sizes()
        whole = self._splitter.width()
        wanted_left = min(_LEFT_WIDTH * scale_percent // 100, round(whole * 0.17))
        wanted_right = min(_RIGHT_WIDTH * scale_percent // 100, round(whole * 0.30))
        left, right = max(left, wanted_left), max(right, wanted_right)
        if left + right > whole // 2:
            left, right = wanted_left, wanted_right
        self._splitter.setSizes([left, max(whole - left - right, 1), right])

    def add_panel(self, panel: QWidget, title: str, tooltip: str = "") -> None:
        """Put a panel into a tab on the right."""
        index = self.tabs.addTab(panel, title)
        self.tabs.setTabToolTip(index, f"{tooltip or title}  [Alt+{index + 1}]")
