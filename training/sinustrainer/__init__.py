"""The trainer: simulate patients, train, search, evaluate and export networks. The only place that imports torch."""
