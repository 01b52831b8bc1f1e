"""Manifests, films and volumes for training: sources, augmentation, batches."""
