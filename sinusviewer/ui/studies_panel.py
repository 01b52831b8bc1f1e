"""The panel on the left: open studies and their series, studies seen before, key images, and a search over all of them."""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from sinusviewer.domain.display import KeyImage
from sinusviewer.domain.study import Series, SeriesKind, Study
from sinusviewer.domain.volume_sides import UNVERIFIED
from sinusviewer.records.study_index import IndexedStudy
from sinusviewer.ui.panels.parts import ToneLabel
from sinusviewer.ui.panels.tones import current_tones
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
_SOURCE = Qt.ItemDataRole.UserRole + 2
_MARK = Qt.ItemDataRole.UserRole + 3


class StudiesPanel(QWidget):
    """Open studies stand first, then those seen before, then the key images.

    Signals: study_requested(uid), series_requested(key), source_requested(path), key_image_requested(KeyImage),
    search_requested(text).
    """

    study_requested = Signal(str)
    series_requested = Signal(str)
    source_requested = Signal(str)
    key_image_requested = Signal(object)
    search_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._heads: set[str] = set()
        self.setObjectName("studies_panel")
        self.setMinimumWidth(170)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._search = QLineEdit()
        self._search.setObjectName("study_search")
        self._search.setPlaceholderText("Search name, number, date")
        self._search.setToolTip("Search all studies ever opened here")
        self._search.setClearButtonEnabled(True)
        self._search.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._search.textChanged.connect(self.search_requested)
        self._search.textChanged.connect(self._rebuild)
        self._tree = QTreeWidget()
        self._tree.setObjectName("study_tree")
        self._tree.setHeaderHidden(True)
        self._tree.setIndentation(8)
        self._tree.setIconSize(QSize(48, 48))
        self._tree.setWordWrap(False)  # a name of two lines would push the state, the last line, out of sight
        self._tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # names of one family differ at their end
        self._tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._tree.itemActivated.connect(self._activated)
        self._tree.itemClicked.connect(self._activated)
        self._empty = ToneLabel("No study is open.", "muted")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 4, 8)
        column.addWidget(self._search)
        column.addWidget(self._empty)
        column.addWidget(self._tree, 1)
        self._studies: tuple[Study, ...] = ()
        self._known: tuple[IndexedStudy, ...] = ()
        self._there: Callable[[str], bool | None] = lambda _source: None
        self._badges: dict[str, str] = {}
        self._settled: set[str] = set()
        self._listed: tuple[object, ...] = ()
        self._key_images: tuple[KeyImage, ...] = ()
        self._thumbnails: dict[str, QIcon] = {}
        self._current = ("", "")
        self._rebuild()

    # -- what is shown -----------------------------------------------------------------------------------------------
    def set_studies(self, studies: tuple[Study, ...]) -> None:
        self._studies = studies
        self._rebuild()

    @property
    def search_text(self) -> str:
        return self._search.text()

    def set_there(self, there: Callable[[str], bool | None]) -> None:
        """Who says whether the files of a study seen before are there; None while that is not known."""
        self._there = there

    def set_known(self, known: tuple[IndexedStudy, ...]) -> None:
        """Studies from the index; those that are open stand above already and lend them their badge."""
        self._badges = {k.study_instance_uid: k.badge for k in known}
        self._known = known
        listed = self._listed_known()
        if listed != self._listed:
            self._rebuild()
            return
        for number, study in self._tops():  # of two thousand films one changed: the others stay as they are
            top = self._tree.topLevelItem(number)
            if top is not None:
                self._word_study(top, study)

    def set_key_images(self, key_images: tuple[KeyImage, ...]) -> None:
        self._key_images = key_images
        self._rebuild()

    def set_thumbnail(self, key: str, png: bytes) -> None:
        picture = QPixmap()
        picture.loadFromData(png)
        self._thumbnails[key] = QIcon(picture)
        for item in self._series_items():
            if item.data(0, _KEY) == key:
                item.setIcon(0, self._thumbnails[key])

    def set_settled(self, key: str, *, settled: bool) -> None:
        """Whether it is known of a series' image which side is which: then nothing warns of that any more."""
        if (key in self._settled) == settled:
            return
        (self._settled.add if settled else self._settled.discard)(key)
        series = next((one for study in self._studies for one in study.series if one.key == key), None)
        for item in self._series_items() if series is not None else ():
            if series is not None and item.data(0, _KEY) == key:
                self._word(item, series)

    def set_current(self, study_uid: str, series_key: str) -> None:
        """Mark the series that the active view shows; redrawn only when it changes."""
        if (study_uid, series_key) == self._current:
            return
        moved = study_uid != self._current[0]
        self._current = (study_uid, series_key)
        for item in self._series_items():
            self._mark(item)
        current: QTreeWidgetItem | None = None
        for number in range(self._tree.topLevelItemCount() if moved else 0):
            top = self._tree.topLevelItem(number)
            if top is not None and top.data(0, _UID):
                top.setExpanded(top.data(0, _UID) == study_uid or len(self._studies) == 1)
                if top.data(0, _UID) == study_uid:
                    current = top
        if moved and current is not None:  # with its series, which its line alone would leave out of sight
            last = current.child(current.childCount() - 1)
            self._tree.scrollToItem(last or current)
            self._tree.scrollToItem(current)

    def _mark(self, item: QTreeWidgetItem) -> None:
        font = item.font(0)
        font.setBold(bool(self._current[1]) and item.data(0, _KEY) == self._current[1])
        item.setFont(0, font)

    def _rebuild(self, *_: object) -> None:
        words = self._search.text().replace("-", "").casefold().split()
        self._tree.clear()
        self._listed = self._listed_known()
        shown = [s for s in self._studies if _matches(study_words(s), words)]
        for study in shown:
            self._add_study(study)
        earlier = self._earlier()
        if earlier:
            head = self._heading("Seen before")
            for one in earlier:
                self._add_known(head, one)
            head.setExpanded(True)
        if self._key_images:
            head = self._heading("Key images")
            for key in self._key_images:
                item = QTreeWidgetItem([f"★ {key.plane.value.capitalize()}, slice {key.slice_index + 1}"])
                item.setData(0, _MARK, key)
                item.setToolTip(0, "Show this key image")
                head.addChild(item)
            head.setExpanded(True)
        self._empty.setText("No study fits the search." if words else "No study is open.")
        self._empty.setVisible(not shown and not earlier)

    def _earlier(self) -> list[IndexedStudy]:
        open_ones = {s.study_instance_uid for s in self._studies}
        return [k for k in self._known if k.study_instance_uid not in open_ones]

    def _listed_known(self) -> tuple[object, ...]:
        """What the lines of studies seen before say."""
        return tuple(
            (k.study_instance_uid, k.patient_name, k.patient_id, k.study_date, k.modalities, k.badge, k.source,
             k.thumbnail_png, self._there(k.source))
            for k in self._earlier()
        )  # fmt: skip

    def _tops(self) -> list[tuple[int, Study]]:
        """The lines of open studies, each with its study."""
        studies = {s.study_instance_uid: s for s in self._studies}
        tops = [(n, self._tree.topLevelItem(n)) for n in range(self._tree.topLevelItemCount())]
        uids = [(n, top.data(0, _UID)) for n, top in tops if top is not None]
        return [(n, studies[uid]) for n, uid in uids if uid in studies]

    def _heading(self, text: str) -> QTreeWidgetItem:
        head = QTreeWidgetItem([text])
        self._heads.add(text)
        head.setFlags(Qt.ItemFlag.ItemIsEnabled)
        head.setForeground(0, QColor(current_tones().muted))
        self._tree.addTopLevelItem(head)
        return head

    def _add_study(self, study: Study) -> None:
        who = study.identity
        top = QTreeWidgetItem()
        self._word_study(top, study)
        top.setData(0, _UID, study.study_instance_uid)
        top.setToolTip(0, "\n".join(p for p in (who.study_description, study.source) if p))
        self._tree.addTopLevelItem(top)
        for series in study.series:
            item = QTreeWidgetItem()
            item.setData(0, _KEY, series.key)
            self._word(item, series)
            if series.key in self._thumbnails:
                item.setIcon(0, self._thumbnails[series.key])
            self._mark(item)
            top.addChild(item)
        # A list of two hundred films stays short: only the study on screen, or the only one, shows its series.
        top.setExpanded(study.study_instance_uid == self._current[0] or len(self._studies) == 1)

    def _word_study(self, top: QTreeWidgetItem, study: Study) -> None:
        """Name, number, date and how far it has come."""
        who, badge = study.identity, self._badges.get(study.study_instance_uid, "")
        name = who.patient_name.replace("^", " ").strip() or "No name"
        line = " · ".join(p for p in (date_text(who.study_date), badge) if p)
        text = "\n".join(p for p in (name, who.patient_id, line) if p)
        if text != top.text(0):
            top.setText(0, text)
            height = round(self.fontMetrics().lineSpacing() * (text.count("\n") + 1.7))  # patients apart
            top.setSizeHint(0, QSize(0, height))

    def _word(self, item: QTreeWidgetItem, series: Series) -> None:
        """Text and tooltip of a series, with a sign where there still is something to know."""
        warnings = tuple(w for w in series.warnings if w.code != UNVERIFIED or series.key not in self._settled)
        item.setText(0, series_text(replace(series, warnings=warnings)))
        item.setToolTip(0, "\n".join(w.message for w in warnings) or series.description)

    def _add_known(self, head: QTreeWidgetItem, known: IndexedStudy) -> None:
        name = known.patient_name.replace("^", " ").strip() or known.patient_id or "No name"
        line = "  ".join(p for p in (date_text(known.study_date), known.modalities, known.badge) if p)
        item = QTreeWidgetItem([f"{name}\n{line}"])
        item.setData(0, _SOURCE, known.source)
        if known.thumbnail_png:
            picture = QPixmap()
            picture.loadFromData(known.thumbnail_png)
            item.setIcon(0, QIcon(picture))
        available = self._there(known.source) is not False  # not known yet, perhaps a slow share: it may be tried
        item.setToolTip(0, known.source if available else f"Not found any more: {known.source}")
        if not available:
            item.setFlags(Qt.ItemFlag.ItemIsSelectable)
        head.addChild(item)

    def _series_items(self) -> list[QTreeWidgetItem]:
        tops = [self._tree.topLevelItem(n) for n in range(self._tree.topLevelItemCount())]
        children = [top.child(n) for top in tops if top is not None for n in range(top.childCount())]
        return [child for child in children if child is not None and child.data(0, _KEY)]

    def changeEvent(self, event: QEvent) -> None:
        """Headings are drawn in the theme's ink."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and self._heads:
            for number in range(self._tree.topLevelItemCount()):
                head = self._tree.topLevelItem(number)
                if head is not None and head.text(0) in self._heads:
                    head.setForeground(0, QColor(current_tones().muted))

    # -- what is asked for -------------------------------------------------------------------------------------------
    def _activated(self, item: QTreeWidgetItem) -> None:
        key, uid, source, mark = (item.data(0, role) for role in (_KEY, _UID, _SOURCE, _MARK))
        if key:
            parent = item.parent()
            if parent is not None and parent.data(0, _UID) != self._current[0]:
                self.study_requested.emit(parent.data(0, _UID))
            self.series_requested.emit(key)
        elif uid:
            self.study_requested.emit(uid)
        elif source:
            self.source_requested.emit(source)
        elif mark is not None:
            self.key_image_requested.emit(mark)


def study_words(study: Study) -> str:
    who = study.identity
    return (
        " ".join((who.patient_name, who.patient_id, who.study_date, who.study_description)).replace("^", " ").casefold()
    )


def _matches(text: str, words: list[str]) -> bool:
    return all(word in text for word in words)


def series_text(series: Series) -> str:
    """Description, modality, what it is, how many images; a sign where there is something to know."""
    count = sum(i.frames for i in series.instances)
    size = f"{count} images" if count > 1 else "1 image"
    modality, what = series.identity.modality, _KIND_WORDS[series.kind]
    first = series.description if series.description and series.description != modality else ""
    return "\n".join(p for p in (first, f"{modality} {what}".strip(), size + ("  ⚠" if series.warnings else "")) if p)
