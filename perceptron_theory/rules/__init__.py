"""Pruning rules: which margins are kept, as cells of quantiles and as thresholds."""
