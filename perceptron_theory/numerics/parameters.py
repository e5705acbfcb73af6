"""Objects with numbers that JAX may differentiate and batch: rules and students."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Self

import jax

from ..errors import InputError
from .checks import as_array, plain_array
from .precision import traced


class Parameters:
    """Base of frozen dataclasses whose numbers are the leaves of a pytree.

    Fields that are no numbers (names, functions) are listed in ``static``; they belong
    to the structure, for which compiled programs are kept.
    """

    static: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # register_dataclass would not do: structures of two classes without static
        # fields compare equal (jax 0.10.2), and a compiled function of one is then
        # called with the other
        jax.tree_util.register_pytree_node(cls, _flatten, _unflattener(cls))

    @classmethod
    def fields(cls) -> tuple[str, ...]:
        """The names of all fields."""
        if not dataclasses.is_dataclass(cls):
            return ()
        return tuple(field.name for field in dataclasses.fields(cls))

    @classmethod
    def numbers(cls) -> tuple[str, ...]:
        """The names of the fields that are numbers."""
        return tuple(name for name in cls.fields() if name not in cls.static)

    def replaced(self, **values: Any) -> Self:
        """The same object with other values of some fields, not checked again."""
        new = object.__new__(type(self))
        for name in self.fields():
            value = values[name] if name in values else getattr(self, name)
            object.__setattr__(new, name, value)
        return new

    def with_arrays(self) -> Self:
        """The same object, its lists of numbers made arrays: JAX takes lists apart."""
        lists = {
            name: plain_array(f"{type(self).__name__}.{name}", getattr(self, name))
            for name in self.numbers()
            if isinstance(getattr(self, name), list | tuple)
        }
        return self.replaced(**lists) if lists else self

    @property
    def text(self) -> str:
        """The object as text, the same for every way of giving it."""
        if self.fields():
            return repr(self)
        name = type(self).__name__
        words = "".join(f"_{x.lower()}" if x.isupper() else x for x in name)
        return words.lstrip("_")


def check_dataclass(what: str, thing: Parameters) -> None:
    """Refuse an object with attributes that no dataclass field declares.

    Raises:
        InputError: its class is no dataclass.
    """
    if "__dataclass_fields__" not in vars(type(thing)) and vars(thing):
        raise InputError(
            f"the {what} {type(thing).__name__} is not a dataclass: decorate it with "
            "@dataclasses.dataclass(frozen=True)"
        )


def check_object(what: str, thing: Any, base: type[Parameters]) -> None:
    """Refuse a class that is given where an object of it is meant.

    Raises:
        InputError: it is a class derived from ``base``.
    """
    if isinstance(thing, type) and issubclass(thing, base):
        raise InputError(
            f"{what} must be an object, got the class {thing.__name__}: call it, "
            f"{thing.__name__}(...)"
        )


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
                f"static of the {what} {name} names {static!r}, which is not "
                "a field of "
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
                        "; a field that is not a number is named in static = "
                        f"({field!r},)"
                    )
                raise InputError(f"{error}{hint}") from None


def _flatten(thing: Parameters) -> tuple[Any, Any]:
    cls = type(thing)
    values = tuple(getattr(thing, name) for name in cls.static)
    return tuple(getattr(thing, name) for name in cls.numbers()), (cls, *values)


def _unflattener(cls: type[Parameters]) -> Any:
    def unflatten(static: Any, leaves: Any) -> Parameters:
        thing = object.__new__(cls)
        names = (*cls.numbers(), *cls.static)
        for name, value in zip(names, (*leaves, *static[1:]), strict=True):
            object.__setattr__(thing, name, value)
        return thing

    return unflatten
