"""Logging without patients: no names, identifiers or dates ever reach a log."""

import logging
import os


def configure(*, verbose: bool = False) -> None:
    """Send warnings (or, when verbose, everything of ours) to standard error."""
    level = logging.DEBUG if verbose or os.environ.get("SINUSVIEWER_DEBUG") else logging.WARNING
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("sinusviewer")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
    # pydicom warns with element values, which may be names: keep its voice out of our logs.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
