"""Entry point of the bundled program."""

import multiprocessing
import sys

from sinusviewer.__main__ import main

if __name__ == "__main__":
    multiprocessing.freeze_support()  # decoding runs in spawned processes
    sys.exit(main())
