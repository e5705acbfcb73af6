"""What the datasets say of their variables."""

from __future__ import annotations

# xarray breaks a label beyond 30 letters, unit included, and cuts the second line off
LONGEST = 30
PER_DIMENSION = "per dimension"
KEPT, POOL = "kept examples", "pool examples"


def text(long_name: str, units: str = "1", description: str = "") -> dict[str, str]:
    """The attributes of a variable."""
    about = {"long_name": long_name, "units": units}
    return about | ({"description": description} if description else {})
