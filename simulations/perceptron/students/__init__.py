"""Students that are trained on a set of examples, all of one contract."""
