"""Pools of labelled examples, what a rule keeps of them, and training sets."""
