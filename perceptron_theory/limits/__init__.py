"""Closed forms: many examples, few of them kept, small angles."""
