"""What to keep: frontiers, diagrams, advice, the best rule, the best ridge."""
