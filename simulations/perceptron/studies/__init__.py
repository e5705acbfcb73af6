"""Comparisons made of many draws: validation, finite size, trained probes."""
