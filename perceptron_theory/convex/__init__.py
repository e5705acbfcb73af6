"""Students of a convex loss with a ridge: losses, equations, the path to the root."""
