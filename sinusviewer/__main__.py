"""``sinusviewer`` and ``python -m sinusviewer``: the window, or a headless command."""

import importlib
import sys
from collections.abc import Sequence

from sinusviewer import cli


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the window on the given paths, or run a headless command; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and (given[0] in cli.COMMANDS or given[0] in ("-h", "--help")):
        return cli.main(given)
    try:
        app = importlib.import_module("sinusviewer.app")
    except ImportError as error:
        sys.stderr.write(
            f"The window cannot start: {error}.\n"
            "On Debian it needs: apt-get install libegl1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1.\n"
            "“sinusviewer read” works without a display.\n"
        )
        return 1
    return int(app.main(given))


if __name__ == "__main__":
    sys.exit(main())
