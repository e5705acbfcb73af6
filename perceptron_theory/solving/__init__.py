"""From inputs to solutions: one point, many points, and what is returned."""
