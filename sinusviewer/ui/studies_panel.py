"""The panel on the left: open and known studies, their series with thumbnails and badges, and a search."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import QLabel, QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from sinusviewer.domain.study import Series, SeriesKind, Study
from sinusviewer.ui.view_painter import date_text

_KIND_WORDS = {
    SeriesKind.RADIOGRAPH: "film",
    SeriesKind.VOLUME: "volume",
    SeriesKind.STACK: "stack",
    SeriesKind.LOCALIZER: "localizer",
    SeriesKind.VIEW_ONLY: "view only",
}
_KEY = Qt.ItemDataRole.UserRole
_UID = Qt.ItemDataRole.UserRole + 1


class StudiesPanel(QWidget):
    """Signals: study_requested(uid), series_requested(key), search_requested(text)."""

    study_requested = Signal(str)
    series_requested = Signal(str)
    search_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("studies_panel")
        self.setMinimumWidth(170)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._search = QLineEdit()
        self._search.setObjectName("study_search")
        self._search.setPlaceholderText("Search name, number, date")
        self._search.setClearButtonEnabled(True)
        self._search.textChanged.connect(self.search_requested)
        self._search.textChanged.connect(self._filter)
        self._tree = QTreeWidget()
        self._tree.setObjectName("study_tree")
        self._tree.setHeaderHidden(True)
        self._tree.setIndentation(10)
        self._tree.setIconSize(QSize(52, 52))
        self._tree.setWordWrap(True)
        self._tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._tree.itemActivated.connect(self._activated)
        self._tree.itemClicked.connect(self._activated)
        self._empty = QLabel("No study is open.")
        self._empty.setObjectName("muted")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 4, 8)
        column.addWidget(self._search)
        column.addWidget(self._empty)
        column.addWidget(self._tree, 1)
        self._thumbnails: dict[str, QIcon] = {}

    def set_studies(self, studies: tuple[Study, ...]) -> None:
        self._tree.clear()
        self._empty.setVisible(not studies)
        for study in studies:
            who = study.identity
            name = who.patient_name.replace("^", " ").strip() or "No name"
            top = QTreeWidgetItem(
                [f"{name}\n{who.patient_id}  {date_text(who.study_date)}\n{who.study_description}".rstrip()]
            )
            top.setData(0, _UID, study.study_instance_uid)
            top.setToolTip(0, study.source)
            self._tree.addTopLevelItem(top)
            for series in study.series:
                item = QTreeWidgetItem([series_text(series)])
                item.setData(0, _KEY, series.key)
                item.setToolTip(0, "\n".join(w.message for w in series.warnings) or series.description)
                if series.key in self._thumbnails:
                    item.setIcon(0, self._thumbnails[series.key])
                top.addChild(item)
            top.setExpanded(True)
        self._filter(self._search.text())

    def set_thumbnail(self, key: str, picture: QPixmap) -> None:
        self._thumbnails[key] = QIcon(picture)
        for item in self._series_items():
            if item.data(0, _KEY) == key:
                item.setIcon(0, self._thumbnails[key])

    def set_current(self, study_uid: str, series_key: str) -> None:
        for item in self._series_items():
            font = item.font(0)
            font.setBold(item.data(0, _KEY) == series_key)
            item.setFont(0, font)

    def _series_items(self) -> list[QTreeWidgetItem]:
        tops = [self._tree.topLevelItem(n) for n in range(self._tree.topLevelItemCount())]
        children = [top.child(n) for top in tops if top is not None for n in range(top.childCount())]
        return [child for child in children if child is not None]

    def _activated(self, item: QTreeWidgetItem) -> None:
        key, uid = item.data(0, _KEY), item.data(0, _UID)
        if key:
            parent = item.parent()
            self.study_requested.emit(parent.data(0, _UID)) if parent is not None else None
            self.series_requested.emit(key)
        elif uid:
            self.study_requested.emit(uid)

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        for number in range(self._tree.topLevelItemCount()):
            top = self._tree.topLevelItem(number)
            if top is not None:
                content = top.text(0).casefold().replace("-", "")
                top.setHidden(not all(word.replace("-", "") in content for word in words))


def series_text(series: Series) -> str:
    count = sum(i.frames for i in series.instances)
    what = _KIND_WORDS[series.kind]
    size = f"{count} images" if count > 1 else "1 image"
    warning = "  ⚠" if series.warnings else ""
    return f"{series.description or series.identity.modality or 'Series'}\n{series.identity.modality} {what} · {size}{warning}"
