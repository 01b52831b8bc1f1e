"""The field's nouns as frozen data; numpy and the standard library only."""
