"""Students that are trained on a set of examples, all of one contract.

The contract is in :mod:`.contract`; :mod:`.catalog` finds those that have a name.
"""
