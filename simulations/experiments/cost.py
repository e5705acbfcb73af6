"""What an experiment will cost, before it starts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Forecast:
    """Estimates of what all runs together will cost."""

    presentations: float
    """Examples seen in training, each time counted."""
    flops: float
    """Floating-point operations of the training."""
    seconds: float
    """On this machine, one run after another."""

    def says(self, slots: int = 1) -> str:
        """For a person; ``slots`` runs go on at once."""
        return (
            f"{self.presentations:.2g} presentations, {self.flops:.2g} FLOPs, about "
            f"{_duration(self.seconds / slots)}"
        )


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
