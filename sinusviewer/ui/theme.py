"""The dark theme of a reading room and a light one, as palette and style sheet; 100 to 200 % scaling of the type."""

from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

from sinusviewer.paths import resources_dir
from sinusviewer.ui.panels.tones import DARK, LIGHT, Tones

BASE_POINT_SIZE = 9.5
_DRESSED = "sinusviewer_dressed"


def apply_theme(application: QApplication, name: str, scale_percent: int) -> None:
    """Dress the whole application."""
    tones = DARK if name == "dark" else LIGHT
    if application.property(_DRESSED) is None:  # once: each time costs as much as dressing a fifth of the window
        application.setStyle("Fusion")
        application.setProperty(_DRESSED, True)
    font = QFont(application.font())
    font.setPointSizeF(BASE_POINT_SIZE * scale_percent / 100)
    font.setFeature(QFont.Tag("tnum"), 1)
    application.setFont(font)
    if application.styleSheet():  # one sheet in the place of another costs three times as much as both of these
        application.setStyleSheet("")
    application.setPalette(palette(tones))
    application.setStyleSheet(style_sheet(tones, name == "dark", scale_percent / 100))


def palette(tones: Tones) -> QPalette:
    result = QPalette()
    role = QPalette.ColorRole
    colors = {
        role.Window: tones.panel, role.WindowText: tones.text, role.Base: tones.field, role.AlternateBase: tones.panel,
        role.Text: tones.text, role.Button: tones.panel, role.ButtonText: tones.text, role.ToolTipBase: tones.field,
        role.ToolTipText: tones.text, role.Highlight: tones.accent, role.HighlightedText: tones.field,
        role.PlaceholderText: tones.muted, role.Link: tones.accent, role.BrightText: tones.red,
        role.Light: tones.line, role.Midlight: tones.line, role.Mid: tones.faint, role.Dark: tones.faint,
        role.Shadow: "#000000", role.Accent: tones.accent,
    }  # fmt: skip
    for key, color in colors.items():
        result.setColor(key, QColor(color))
    for key in (role.WindowText, role.Text, role.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, key, QColor(tones.line))
    return result


def style_sheet(tones: Tones, dark: bool, scale: float) -> str:
    """Only what the palette cannot say."""
    ground = "#0f1216" if dark else "#e9edf1"
    hover = "#222933" if dark else "#e1e7ed"
    pad = max(round(3 * scale), 2)
    tick = (resources_dir() / "icons" / f"tick_{'dark' if dark else 'light'}.png").as_posix()
    return f"""
    QMainWindow, QMainWindow > QWidget#central {{ background: {ground}; }}
    QToolTip {{ color: {tones.text}; background: {tones.field}; border: 1px solid {tones.line}; padding: 4px; }}
    QMenuBar {{ background: {tones.panel}; }}
    QMenuBar::item {{ padding: {pad + 1}px {pad * 3}px; background: transparent; }}
    QMenuBar::item:selected {{ background: {hover}; }}
    QMenu {{ background: {tones.panel}; border: 1px solid {tones.line}; padding: 4px 0; }}
    QMenu::item {{ padding: {pad + 1}px {pad * 8}px {pad + 1}px {pad * 8}px; }}
    QMenu::item:selected {{ background: {hover}; color: {tones.text}; }}
    QMenu::item:disabled {{ color: {tones.line}; }}
    QMenu::separator {{ height: 1px; background: {tones.faint}; margin: 4px 0; }}
    QToolBar {{ background: {tones.panel}; border: none; border-bottom: 1px solid {tones.faint}; spacing: 1px; padding: {pad}px; }}
    QToolBar::separator {{ width: 1px; background: {tones.faint}; margin: 4px 5px; }}
    QToolBar QToolButton {{ border: 1px solid transparent; border-radius: 4px; padding: {pad}px; }}
    QToolBar QToolButton:hover {{ background: {hover}; }}
    QToolBar QToolButton:checked {{ background: {hover}; border-color: {tones.accent}; }}
    QToolBar QToolButton:focus {{ border-color: {tones.line}; }}
    QToolBar QToolButton#qt_toolbar_ext_button {{ padding: 0; border: none; background: {hover}; }}
    QPushButton {{ background: {tones.faint}; color: {tones.text}; border: 1px solid {tones.line}; border-radius: 4px;
                   padding: {pad}px {pad * 4}px; }}
    QPushButton:hover {{ background: {hover}; border-color: {tones.muted}; }}
    QPushButton:pressed {{ background: {ground}; }}
    QPushButton:checked {{ background: {hover}; border-color: {tones.accent}; color: {tones.accent}; }}
    QPushButton:focus {{ border-color: {tones.accent}; }}
    QPushButton:disabled {{ color: {tones.line}; border-color: {tones.faint}; background: transparent; }}
    QPushButton:flat {{ background: transparent; border-color: transparent; color: {tones.accent}; }}
    QPushButton:flat:hover {{ background: {hover}; }}
    QWidget#studies_panel {{ background: {tones.panel}; }}
    QPushButton#primary {{ background: {tones.accent}; color: {tones.field}; border-color: {tones.accent}; font-weight: 600; }}
    QCheckBox::indicator {{ width: 13px; height: 13px; border: 1px solid {tones.line}; border-radius: 3px;
        background: {tones.field}; }}
    QCheckBox::indicator:hover, QCheckBox::indicator:focus {{ border-color: {tones.accent}; }}
    QCheckBox::indicator:checked {{ background: {tones.accent}; border-color: {tones.accent}; image: url("{tick}"); }}
    QCheckBox::indicator:disabled {{ border-color: {tones.faint}; background: transparent; }}
    QCheckBox:focus {{ color: {tones.accent}; }}
    QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox {{ background: {tones.field}; color: {tones.text};
        border: 1px solid {tones.line}; border-radius: 4px; padding: {pad}px; selection-background-color: {tones.accent};
        selection-color: {tones.field}; }}
    QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus
        {{ border-color: {tones.accent}; }}
    QTabWidget::pane {{ border: none; border-top: 1px solid {tones.faint}; }}
    QTabBar {{ background: {tones.panel}; }}
    QTabBar::tab {{ background: transparent; color: {tones.muted}; padding: {pad + 3}px {pad * 2}px;
                    border: none; border-bottom: 2px solid transparent; }}
    QTabBar::tab:selected {{ color: {tones.text}; border-bottom-color: {tones.accent}; }}
    QTabBar::tab:hover {{ color: {tones.text}; }}
    QTabBar::tab:focus {{ color: {tones.accent}; }}
    QTreeView, QListView, QTableView {{ background: {tones.panel}; border: none; outline: none;
        selection-background-color: {hover}; selection-color: {tones.text}; gridline-color: {tones.faint}; }}
    QListView::item {{ border: none; }}
    QListView::item:selected {{ background: {hover}; color: {tones.text}; border-left: 3px solid {tones.accent}; }}
    QHeaderView::section {{ background: {tones.panel}; color: {tones.muted}; border: none;
        border-bottom: 1px solid {tones.faint}; padding: {pad}px; }}
    QSplitter::handle {{ background: {tones.faint}; }}
    QSplitter::handle:hover {{ background: {tones.accent}; }}
    QScrollBar:vertical {{ background: transparent; width: {round(11 * scale)}px; margin: 0; }}
    QScrollBar:horizontal {{ background: transparent; height: {round(11 * scale)}px; margin: 0; }}
    QScrollBar::handle {{ background: {tones.line}; border-radius: 4px; min-height: 24px; min-width: 24px; margin: 2px; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    QProgressBar {{ background: {tones.field}; border: 1px solid {tones.line}; border-radius: 4px; text-align: center;
        color: {tones.text}; }}
    QProgressBar::chunk {{ background: {tones.accent}; border-radius: 3px; }}
    QStatusBar {{ background: {tones.panel}; border-top: 1px solid {tones.faint}; }}
    QStatusBar::item {{ border: none; }}
    QFrame#amber_bar {{ background: {tones.amber_ground}; border: none; border-bottom: 1px solid {tones.amber}; }}
    QFrame#amber_bar QLabel {{ color: {tones.text}; background: transparent; }}
    QFrame#prior_bar {{ background: {tones.panel}; border: none; border-bottom: 1px solid {tones.accent}; }}
    QFrame#prior_bar QLabel {{ color: {tones.text}; background: transparent; }}
    QLabel#muted {{ color: {tones.muted}; }}
    QLabel#heading {{ color: {tones.text}; font-weight: 600; }}
    QLabel#error {{ color: {tones.red}; }}
    """
