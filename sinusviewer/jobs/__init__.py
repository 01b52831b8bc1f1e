"""Background work: typed events, lanes, cancellation."""
