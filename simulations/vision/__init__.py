"""Pruning real data: metrics, selection, score files and data sets."""
