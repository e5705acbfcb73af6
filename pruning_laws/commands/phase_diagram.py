"""``pruning-laws phase-diagram``: whether to keep hard, easy or random examples."""

from __future__ import annotations

from .. import options, output


def phase_diagram(
    alpha_tot: options.Pool,
    keep_fraction: options.KeepFraction,
    theta: options.Theta = None,
    theta_degrees: options.ThetaDegrees = None,
    margin: options.Margin = "absolute",
    as_json: options.AsJson = False,
    output_file: options.Output = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Where to keep hard, easy or random examples.

    \b
    Examples:
      pruning-laws phase-diagram --alpha-tot 1:30:25 -f 0.05:1:25
      pruning-laws phase-diagram --alpha-tot 1:30:25 -f 0.05:1:25 \\
          --theta-degrees 20 -o phases.nc
    """
    output.check_output(output_file, overwrite)
    loads = options.numbers(alpha_tot, "--alpha-tot")
    fractions = options.numbers(keep_fraction, "--keep-fraction")
    angle = options.one(options.angles(theta, theta_degrees), "--theta")

    import perceptron_theory as pt

    with output.working("solving the grid and its boundaries"):
        diagram = pt.phase_diagram(loads, fractions, theta=angle, margin=margin)
    output.emit(
        diagram,
        title=f"phase diagram, theta = {angle:.6g}, {margin} margin",
        as_json=as_json,
        path=output_file,
        overwrite=overwrite,
    )
