"""What the datasets say of their variables."""

from __future__ import annotations

PER_DIMENSION = "examples/dimension"
KEPT, POOL = "kept examples per dimension", "examples of the pool per dimension"


def text(long_name: str, units: str = "1", description: str = "") -> dict[str, str]:
    """The attributes of a variable."""
    about = {"long_name": long_name, "units": units}
    return about | ({"description": description} if description else {})
