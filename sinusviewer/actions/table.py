"""Everything the window can do, as a table: menu, words, default key and tooltip. Keys can be changed; F1 shows them."""

from dataclasses import dataclass

from sinusviewer.domain.display import LayoutKind, Tool
from sinusviewer.domain.hanging import CT_PRESETS


@dataclass(frozen=True, slots=True)
class Action:
    """One verb. ``checkable`` ones show whether they are on."""

    id: str
    menu: str
    text: str
    shortcut: str
    tooltip: str
    checkable: bool = False


MENUS: tuple[str, ...] = ("Study", "Edit", "View", "Image", "Tools", "Reading", "Help")

_TOOLS: tuple[tuple[Tool, str, str, str], ...] = (
    (Tool.POINTER, "Pointer", "S", "Select and move marks; on CT, put the crosshair"),
    (Tool.WINDOW, "Window", "W", "Drag: sideways widens, up and down brightens"),
    (Tool.ZOOM, "Zoom", "Z", "Drag up and down; Ctrl+wheel zooms with any tool"),
    (Tool.PAN, "Pan", "P", "Drag the image; the middle button pans with any tool"),
    (Tool.LENGTH, "Length", "L", "Drag from end to end"),
    (Tool.ANGLE, "Angle", "A", "Drag the first arm, then click the end of the second"),
    (Tool.ELLIPSE, "Ellipse", "O", "Mean, spread and area inside an ellipse"),
    (Tool.RECTANGLE, "Rectangle", "Shift+O", "Mean, spread and area inside a rectangle"),
    (Tool.PROBE, "Probe", "U", "Click: the value of a pixel stays on the image"),
    (Tool.BOX, "Box", "B", "Draw a box of your own on a film"),
    (Tool.BRUSH, "Brush", "M", "Paint sinus masks on CT; Shift erases, Ctrl+click takes a sinus up"),
    (Tool.MAGNIFIER, "Magnifier", "Q", "A lens that follows the mouse"),
)
_LAYOUTS: tuple[tuple[LayoutKind, str, str], ...] = (
    (LayoutKind.ONE, "One view", "Ctrl+1"),
    (LayoutKind.TWO, "Two views", "Ctrl+2"),
    (LayoutKind.FOUR, "Four views", "Ctrl+3"),
    (LayoutKind.MPR, "Three planes, coronal large", "Ctrl+4"),
    (LayoutKind.SINUS_CT, "Bone and soft tissue with planes", "Ctrl+5"),
)

TABS: tuple[str, ...] = ("Findings", "Sinuses", "Endotype", "Nomogram", "Clinical", "Report", "List")
"""Titles of the results panel's tabs, in their order."""

ACTIONS: tuple[Action, ...] = (
    Action("open_files", "Study", "Open files …", "Ctrl+O", "Open images, a ZIP or a DICOMDIR"),
    Action("open_folder", "Study", "Open folder …", "Ctrl+Shift+O", "Open all studies in a folder"),
    Action("open_sample", "Study", "Open the sample study", "", "Open the simulated study that comes with the program"),
    Action("next_study", "Study", "Next study", "PgDown", "Show the next study of the list"),
    Action("previous_study", "Study", "Previous study", "PgUp", "Show the previous study of the list"),
    Action("first_study", "Study", "First study of the list", "Ctrl+Home", "The most suspicious one where the list is sorted by score"),
    Action("compare_study", "Study", "Compare with another study", "Ctrl+D", "Show another study of the same patient beside this one"),
    Action("close_study", "Study", "Close study", "Ctrl+W", "Close this study; findings are kept"),
    Action("export_picture", "Study", "Export this view as PNG …", "Ctrl+E", "Save the picture without name, number or date"),
    Action("export_key_images", "Study", "Export key images …", "Ctrl+Shift+E", "Save all key images as PNG without identity"),
    Action("export_dicom", "Study", "Export results as DICOM …", "", "Masks, numbers, key pictures and the report, for any archive"),
    Action("export_training", "Study", "Export as training data …", "Ctrl+T", "This image without identity, with your corrections"),
    Action("quit", "Study", "Quit", "Ctrl+Q", "Close the program"),
    Action("undo", "Edit", "Undo", "Ctrl+Z", "Take the last change back, on whichever image it was"),
    Action("redo", "Edit", "Redo", "Ctrl+Shift+Z", "Make the change again"),
    Action("reject_finding", "Edit", "Reject finding or delete mark", "Del", "Reject the selected finding, or delete your own mark"),
    Action("delete_measurements", "Edit", "Delete measurements", "Shift+Del", "Remove all your measurements on this image"),
    *(
        Action(f"layout_{kind.value}", "View", words, key, f"Layout: {words.lower()}", checkable=True)
        for kind, words, key in _LAYOUTS
    ),
    Action("toggle_mpr", "View", "Three planes on and off", "C", "Switch between three planes with crosshair and the usual layout"),
    Action("link", "View", "Link views", "Shift+L", "Scroll views of one frame of reference together", checkable=True),
    Action("link_here", "View", "Link at this place", "Ctrl+L", "Put two studies that scroll apart on the same place, then link"),
    Action("corners", "View", "Text in the corners", "Shift+C", "Series, window and scale; the name stays", checkable=True),
    Action("boxes", "View", "Boxes", "Shift+B", "Show or hide findings on films", checkable=True),
    Action("masks", "View", "Sinus masks", "T", "Show or hide the sinus masks", checkable=True),
    Action("outlines", "View", "Masks as outlines", "Shift+T", "Outline the masks instead of filling them", checkable=True),
    Action("heatmap", "View", "Heatmap", "G", "Where the network looked; not why, not the lesion's extent", checkable=True),
    Action("shutter", "View", "Cover blank borders", "Shift+S", "Draw bright empty borders of films black", checkable=True),
    Action("hide_ai", "View", "Hide AI while held", "H", "All AI marks vanish while the key is held"),
    Action("studies_panel", "View", "Studies panel", "F9", "Fold or unfold the panel on the left", checkable=True),
    Action("results_panel", "View", "Results panel", "F10", "Fold or unfold the panel on the right", checkable=True),
    *(
        Action(f"tab_{number}", "View", f"{title} tab", f"Alt+{number}", f"Show the tab “{title}”")
        for number, title in enumerate(TABS, 1)
    ),
    Action("full_screen", "View", "Full screen", "F11", "Use the whole screen", checkable=True),
    Action("theme", "View", "Light theme", "", "Switch between the dark and the light theme", checkable=True),
    *(
        Action(f"preset_{number}", "Image", f"{w.name}  ({w.width:.0f} / {w.center:.0f})", str(number), f"Window: {w.name.lower()}")
        for number, w in enumerate(CT_PRESETS, 1)
    ),
    Action("auto_window", "Image", "Window of the file", "0", "Back to the file's own window, or one from the values"),
    Action("invert", "Image", "Invert", "I", "Black for white"),
    Action("flip", "Image", "Flip left to right", "X", "Mirror what is on screen; the letters follow"),
    Action("rotate", "Image", "Rotate clockwise", "Shift+R", "Turn by 90 degrees; the letters follow"),
    Action("fit", "Image", "Fit", "F", "The whole image in the view"),
    Action("one_to_one", "Image", "1:1", "Shift+F", "One image pixel on one screen pixel"),
    Action("zoom_in", "Image", "Zoom in", "+", "Enlarge"),
    Action("zoom_out", "Image", "Zoom out", "-", "Reduce"),
    Action("reset", "Image", "Reset view", "R", "Window, zoom and turning as the image was hung"),
    Action("mirror_compare", "Image", "Compare with its mirror image", "V", "The same image mirrored beside it", checkable=True),
    Action("next_slice", "Image", "Next slice", "Down", "One slice on"),
    Action("previous_slice", "Image", "Previous slice", "Up", "One slice back"),
    Action("first_slice", "Image", "First slice", "Home", "To the first slice"),
    Action("last_slice", "Image", "Last slice", "End", "To the last slice"),
    Action("play", "Image", "Play", "Space", "Play through the slices", checkable=True),
    Action("next_view", "Image", "Next view", "Ctrl+Tab", "Make the next view the active one"),
    Action("key_image", "Image", "Key image", "K", "Mark this slice to find it again"),
    *(Action(f"tool_{t.value}", "Tools", words, key, says, checkable=True) for t, words, key, says in _TOOLS),
    Action("brush_erase", "Tools", "Brush erases", "Shift+M", "Switch the brush between painting and erasing", checkable=True),
    Action("brush_smaller", "Tools", "Smaller brush", "[", "A smaller radius, in mm"),
    Action("brush_larger", "Tools", "Larger brush", "]", "A larger radius, in mm"),
    Action("brush_shrink", "Tools", "Shrink mask in this slice", "Ctrl+[", "Take one voxel off the brush's sinus all round"),
    Action("brush_grow", "Tools", "Grow mask in this slice", "Ctrl+]", "Add one voxel to the brush's sinus all round"),
    Action("read", "Reading", "Read", "Ctrl+R", "Let the networks read this series"),
    Action("read_list", "Reading", "Read all new in the list", "Ctrl+Shift+R", "Read all that is still new, or else out of date"),
    Action("copy_report", "Reading", "Copy the report", "Ctrl+Shift+C", "The whole report as text, for the RIS"),
    Action("cancel", "Reading", "Cancel", "Esc", "Stop drawing, then stop the work under way, then back to the pointer"),
    Action("swap_side", "Reading", "Swap sides", "", "The patient's right was confirmed on the wrong side of this image"),
    Action("accept_finding", "Reading", "Accept finding", "Return", "Accept the selected finding"),
    Action("confirm_film", "Reading", "Confirm the film or masks", "Shift+Return",
           "On a film: nothing to see but what is marked. On CT: the masks are right. Again takes it back"),
    Action("edit_finding", "Reading", "Edit finding", "E", "Take hold of the selected finding with the pointer"),
    Action("next_finding", "Reading", "Next finding", "N", "Select the next finding"),
    Action("previous_finding", "Reading", "Previous finding", "Shift+N", "Select the previous finding"),
    Action("shortcuts", "Help", "Keys …", "F1", "Show and change the keys"),
    Action("messages", "Help", "Messages …", "Ctrl+M", "All messages since the start"),
    Action("about", "Help", "About", "", "Version, licence and what this program is not"),
)  # fmt: skip
ICONS: dict[str, str] = {
    "open_files": "mdi6.file-image-outline",
    "open_folder": "mdi6.folder-open-outline",
    "undo": "mdi6.undo",
    "redo": "mdi6.redo",
    "link": "mdi6.link-variant",
    "masks": "mdi6.palette-outline",
    "heatmap": "mdi6.fire",
    "hide_ai": "mdi6.eye-off-outline",
    "invert": "mdi6.invert-colors",
    "flip": "mdi6.flip-horizontal",
    "rotate": "mdi6.rotate-right",
    "fit": "mdi6.fit-to-screen-outline",
    "reset": "mdi6.restore",
    "mirror_compare": "mdi6.compare-horizontal",
    "play": "mdi6.play",
    "key_image": "mdi6.star-outline",
    "read": "mdi6.play-circle-outline",
    "tool_pointer": "mdi6.cursor-default-outline",
    "tool_window": "mdi6.contrast-circle",
    "tool_zoom": "mdi6.magnify-plus-outline",
    "tool_pan": "mdi6.hand-back-right-outline",
    "tool_length": "mdi6.ruler",
    "tool_angle": "mdi6.angle-acute",
    "tool_ellipse": "mdi6.ellipse-outline",
    "tool_rectangle": "mdi6.rectangle-outline",
    "tool_probe": "mdi6.crosshairs-gps",
    "tool_box": "mdi6.selection",
    "tool_brush": "mdi6.brush",
    "tool_magnifier": "mdi6.magnify",
    "layout_one": "mdi6.square-outline",
    "layout_two": "mdi6.view-split-vertical",
    "layout_four": "mdi6.view-grid-outline",
    "layout_mpr": "mdi6.view-dashboard-outline",
    "layout_sinus_ct": "mdi6.view-quilt-outline",
}
"""qtawesome names."""
BY_ID: dict[str, Action] = {action.id: action for action in ACTIONS}


def shortcuts(changed: dict[str, str]) -> dict[str, str]:
    """The key of every action, with a reader's own ones in place."""
    return {action.id: changed.get(action.id, action.shortcut) for action in ACTIONS}


def conflicts(keys: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Keys that more than one action has."""
    by_key: dict[str, list[str]] = {}
    for action_id, key in keys.items():
        if key:
            by_key.setdefault(key.casefold(), []).append(action_id)
    return {key: tuple(ids) for key, ids in by_key.items() if len(ids) > 1}
