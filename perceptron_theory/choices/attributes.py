"""What the datasets say of their variables."""

from __future__ import annotations

from typing import Any

# xarray breaks a label beyond 30 letters, unit included, and cuts the second line off
LONGEST = 30
PER_DIMENSION = "per dimension"
KEPT, POOL = "kept examples", "pool examples"


def text(long_name: str, units: str = "1", description: str = "") -> dict[str, str]:
    """The attributes of a variable."""
    about = {"long_name": long_name, "units": units}
    return about | ({"description": description} if description else {})


# dimensions, values, and attributes; and what a dataset is made of: variables,
# coordinates and attributes
Variable = tuple[tuple[str, ...], Any, dict[str, str]]
Parts = tuple[dict[str, Variable], dict[str, Variable], dict[str, Any]]
