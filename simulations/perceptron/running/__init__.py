"""Thousands of draws: sweeps that resume, on many processes and machines."""
