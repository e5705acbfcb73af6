"""Learning on the data one has: predicted heads, whatever the law of the examples."""
