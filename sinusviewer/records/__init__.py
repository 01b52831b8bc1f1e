"""What is kept: the study index, findings with their history, the journal."""
