"""Disease of the sinuses: how it looks (paint) and who has which (patterns, recurrence)."""
