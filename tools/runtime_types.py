"""The check that ``make test-all`` puts around every annotated function.

beartype, which also accepts an int where a float is annotated, as type checkers do.
jaxtyping's import hook takes this by name.
"""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
