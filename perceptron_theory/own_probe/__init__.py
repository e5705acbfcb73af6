"""Pruning a pool by a probe that was trained on it."""
