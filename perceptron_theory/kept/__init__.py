"""Averages over the kept examples: which they are, and nodes laid for a student."""
