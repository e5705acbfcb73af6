"""The fields of rules and students that somebody else wrote: numbers, or static."""

from __future__ import annotations

import jax

from ..errors import InputError
from ..numerics.checks import as_array
from ..numerics.parameters import Parameters
from ..numerics.precision import traced


def check_fields(what: str, thing: Parameters) -> None:
    """Refuse fields that JAX cannot take for numbers, and ``static`` without fields.

    Raises:
        InputError: a name in ``static`` that is no field, or a field that is neither in
            ``static`` nor a number (None, a name, NaN), by its name.
    """
    name, fields = type(thing).__name__, thing.fields()
    for static in thing.static:
        if static not in fields:
            raise InputError(
                f"static of the {what} {name} names {static!r}, which is no field of "
                f"it: its fields are {', '.join(fields) or 'none'}"
            )
    for field in thing.numbers():
        # JAX takes None for a structure without numbers
        values = jax.tree.leaves(getattr(thing, field), is_leaf=lambda x: x is None)
        for value in values:
            if traced(value):
                continue
            try:
                as_array(f"{name}.{field}", value)
            except InputError as error:
                hint = ""
                if "real number" in str(error):
                    hint = (
                        f"; a field that is no number is named in static = ({field!r},)"
                    )
                raise InputError(f"{error}{hint}") from None
