"""Everything the window can do, as a table: menu, words, default key and tooltip. Keys can be changed; F1 shows them."""

from dataclasses import dataclass

from sinusviewer.domain.display import LayoutKind, Tool
from sinusviewer.domain.hanging import CT_PRESETS


@dataclass(frozen=True, slots=True)
class Action:
    """One verb. ``checkable`` ones show whether they are on; ``icon`` is a qtawesome name."""

    id: str
    menu: str
    text: str
    shortcut: str
    tooltip: str
    checkable: bool = False
    icon: str = ""


MENUS: tuple[str, ...] = ("Study", "Edit", "View", "Image", "Tools", "Reading", "Help")

_TOOLS: tuple[tuple[Tool, str, str, str, str], ...] = (
    (Tool.POINTER, "Pointer", "S", "Select and move marks; on CT, put the crosshair", "mdi6.cursor-default-outline"),
    (Tool.WINDOW, "Window", "W", "Drag: sideways widens, up and down brightens", "mdi6.contrast-circle"),
    (Tool.ZOOM, "Zoom", "Z", "Drag up and down; Ctrl+wheel zooms with any tool", "mdi6.magnify-plus-outline"),
    (Tool.PAN, "Pan", "P", "Drag the image; the middle button pans with any tool", "mdi6.hand-back-right-outline"),
    (Tool.LENGTH, "Length", "L", "Drag from end to end", "mdi6.ruler"),
    (Tool.ANGLE, "Angle", "A", "Drag the first arm, then click the end of the second", "mdi6.angle-acute"),
    (Tool.ELLIPSE, "Ellipse", "O", "Mean, spread and area inside an ellipse", "mdi6.ellipse-outline"),
    (Tool.RECTANGLE, "Rectangle", "Shift+O", "Mean, spread and area inside a rectangle", "mdi6.rectangle-outline"),
    (Tool.PROBE, "Probe", "U", "Click: the value of a pixel stays on the image", "mdi6.crosshairs-gps"),
    (Tool.BOX, "Box", "B", "Draw a box of your own on a film", "mdi6.selection"),
    (Tool.MAGNIFIER, "Magnifier", "Q", "A lens that follows the mouse", "mdi6.magnify"),
)
_LAYOUTS: tuple[tuple[LayoutKind, str, str, str], ...] = (
    (LayoutKind.ONE, "One view", "Ctrl+1", "mdi6.square-outline"),
    (LayoutKind.TWO, "Two views", "Ctrl+2", "mdi6.view-split-vertical"),
    (LayoutKind.FOUR, "Four views", "Ctrl+3", "mdi6.view-grid-outline"),
    (LayoutKind.MPR, "Three planes, coronal large", "Ctrl+4", "mdi6.view-dashboard-outline"),
    (LayoutKind.SINUS_CT, "Bone and soft tissue with planes", "Ctrl+5", "mdi6.view-quilt-outline"),
)

ACTIONS: tuple[Action, ...] = (
    Action("open_files", "Study", "Open files …", "Ctrl+O", "Open images, a ZIP or a DICOMDIR", icon="mdi6.file-image-outline"),
    Action("open_folder", "Study", "Open folder …", "Ctrl+Shift+O", "Open all studies in a folder", icon="mdi6.folder-open-outline"),
    Action("open_sample", "Study", "Open the sample study", "", "Open the simulated study that comes with the program"),
    Action("next_study", "Study", "Next study", "PgDown", "Show the next study of the list"),
    Action("previous_study", "Study", "Previous study", "PgUp", "Show the previous study of the list"),
    Action("compare_study", "Study", "Compare with another study", "Ctrl+D", "Show another study of the same patient beside this one"),
    Action("close_study", "Study", "Close study", "Ctrl+W", "Close this study; findings are kept"),
    Action("export_picture", "Study", "Export this view as PNG …", "Ctrl+E", "Save the picture without name, number or date"),
    Action("export_key_images", "Study", "Export key images …", "Ctrl+Shift+E", "Save all key images as PNG without identity"),
    Action("quit", "Study", "Quit", "Ctrl+Q", "Close the program"),
    Action("undo", "Edit", "Undo", "Ctrl+Z", "Take the last change back, on whichever image it was", icon="mdi6.undo"),
    Action("redo", "Edit", "Redo", "Ctrl+Shift+Z", "Make the change again", icon="mdi6.redo"),
    Action("reject_finding", "Edit", "Reject finding or delete mark", "Del", "Reject the selected finding, or delete your own mark"),
    Action("delete_measurements", "Edit", "Delete measurements of this image", "Shift+Del", "Remove all your measurements on this image"),
    *(
        Action(f"layout_{kind.value}", "View", words, key, f"Layout: {words.lower()}", checkable=True, icon=icon)
        for kind, words, key, icon in _LAYOUTS
    ),
    Action("toggle_mpr", "View", "Three planes on and off", "C", "Switch between three planes with crosshair and the usual layout"),
    Action("link", "View", "Link views", "Shift+L", "Scroll views of one frame of reference together", checkable=True, icon="mdi6.link-variant"),
    Action("corners", "View", "Text in the corners", "Shift+C", "Show or hide series, window and scale; the name stays", checkable=True),
    Action("boxes", "View", "Boxes", "Shift+B", "Show or hide findings on films", checkable=True),
    Action("masks", "View", "Sinus masks", "T", "Show or hide the sinus masks", checkable=True, icon="mdi6.palette-outline"),
    Action("outlines", "View", "Masks as outlines", "Shift+T", "Outline the masks instead of filling them", checkable=True),
    Action("heatmap", "View", "Heatmap", "G", "Where the network looked; not why, not the lesion's extent", checkable=True, icon="mdi6.fire"),
    Action("hide_ai", "View", "Hide AI while held", "H", "All AI marks vanish while the key is held", icon="mdi6.eye-off-outline"),
    Action("studies_panel", "View", "Studies panel", "F9", "Fold or unfold the panel on the left", checkable=True),
    Action("results_panel", "View", "Results panel", "F10", "Fold or unfold the panel on the right", checkable=True),
    Action("full_screen", "View", "Full screen", "F11", "Use the whole screen", checkable=True),
    Action("theme", "View", "Light theme", "", "Switch between the dark and the light theme", checkable=True),
    *(
        Action(f"preset_{number}", "Image", f"{w.name}  ({w.width:.0f} / {w.center:.0f})", str(number), f"Window: {w.name.lower()}")
        for number, w in enumerate(CT_PRESETS, 1)
    ),
    Action("auto_window", "Image", "Window of the file", "0", "Back to the file's own window, or one from the values"),
    Action("invert", "Image", "Invert", "I", "Black for white", icon="mdi6.invert-colors"),
    Action("flip", "Image", "Flip left to right", "X", "Mirror what is on screen; the letters follow", icon="mdi6.flip-horizontal"),
    Action("rotate", "Image", "Rotate clockwise", "Shift+R", "Turn by 90 degrees; the letters follow", icon="mdi6.rotate-right"),
    Action("fit", "Image", "Fit", "F", "The whole image in the view", icon="mdi6.fit-to-screen-outline"),
    Action("one_to_one", "Image", "1:1", "Shift+F", "One image pixel on one screen pixel"),
    Action("zoom_in", "Image", "Zoom in", "+", "Enlarge"),
    Action("zoom_out", "Image", "Zoom out", "-", "Reduce"),
    Action("reset", "Image", "Reset view", "R", "Window, zoom and turning as the image was hung", icon="mdi6.restore"),
    Action("mirror_compare", "Image", "Compare with its mirror image", "V", "The same image mirrored beside it", checkable=True, icon="mdi6.compare-horizontal"),
    Action("next_slice", "Image", "Next slice", "Down", "One slice on"),
    Action("previous_slice", "Image", "Previous slice", "Up", "One slice back"),
    Action("first_slice", "Image", "First slice", "Home", "To the first slice"),
    Action("last_slice", "Image", "Last slice", "End", "To the last slice"),
    Action("play", "Image", "Play", "Space", "Play through the slices", checkable=True, icon="mdi6.play"),
    Action("next_view", "Image", "Next view", "Tab", "Make the next view the active one"),
    Action("key_image", "Image", "Key image", "K", "Mark this slice to find it again", icon="mdi6.star-outline"),
    *(Action(f"tool_{t.value}", "Tools", words, key, says, checkable=True, icon=icon) for t, words, key, says, icon in _TOOLS),
    Action("read", "Reading", "Read", "Ctrl+R", "Let the networks read this series", icon="mdi6.play-circle-outline"),
    Action("cancel", "Reading", "Cancel", "Esc", "Stop drawing, then stop the work under way, then back to the pointer"),
    Action("accept_finding", "Reading", "Accept finding", "Return", "Accept the selected finding"),
    Action("edit_finding", "Reading", "Edit finding", "E", "Take hold of the selected finding with the pointer"),
    Action("next_finding", "Reading", "Next finding", "N", "Select the next finding"),
    Action("previous_finding", "Reading", "Previous finding", "Shift+N", "Select the previous finding"),
    Action("shortcuts", "Help", "Keys …", "F1", "Show and change the keys"),
    Action("messages", "Help", "Messages …", "Ctrl+M", "All messages since the start"),
    Action("about", "Help", "About", "", "Version, licence and what this program is not"),
)  # fmt: skip
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
