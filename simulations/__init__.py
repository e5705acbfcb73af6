"""Simulations that check the theory: the real procedure at finite size."""
