"""Write the reference values tests/data/reference_*.json with the oracle.

    cd tests && python -m oracle.make_reference GROUP [--minutes 10]

Groups: "aligned" (theta = 0, the whole domain), "threshold" (theta = 0, within 10 f of
alpha = 2), "oblique" (theta > 0).  Deterministic and resumable: the points follow from
a fixed seed, and those already in the file are kept.  One core.
"""

import argparse
import itertools
import json
import math
import random
import time
from pathlib import Path

from mpmath import mp

from .max_margin import solve_curve
from .rule import Rule

DATA = Path(__file__).parents[1] / "data"
FIELDS = ("error", "overlap", "probe_overlap", "margin", "certified", "condition")
DIGITS = {"certified": 3, "condition": 10}
SIZES = {"aligned": 260, "threshold": 260, "oblique": 110}


def _log_uniform(draw, low, high):
    return math.exp(draw.uniform(math.log(low), math.log(high)))


def _fraction(draw):
    """Log-uniform, uniform, near or at 1."""
    kind = draw.random()
    if kind < 0.6:
        return _log_uniform(draw, 1e-8, 1.0)
    if kind < 0.85:
        return draw.uniform(0.02, 0.98)
    return 1.0 if kind < 0.9 else 1.0 - _log_uniform(draw, 1e-9, 0.02)


def _rule(draw, f, margin, names):
    name = draw.choice(names)
    if name == "window":
        # the oracle adds lower + f without rounding
        return Rule(name, margin, lower=math.floor(draw.random() * 16) / 16 * (1 - f))
    if name == "mixture":
        share = draw.choice([0.25, 0.5, 0.75, 0.9375])
        return Rule(name, margin, share=share, end=draw.choice(["hard", "easy"]))
    return Rule(name, margin)


def _aligned(draw, _):
    f = _fraction(draw)
    names = ["hard"] * 4 + ["easy"] * 3 + ["random", "window", "window", "mixture"]
    alpha = _log_uniform(draw, 1e-3, 1e6)
    if draw.random() < 0.15:
        alpha = _log_uniform(draw, 1, 10)
    return [alpha], f, 0.0, _rule(draw, f, draw.choice(MARGINS), names)


def _threshold(draw, i):
    """Exact doubles: the error depends on alpha - 2 in units of f, and less.

    The last 60 points crowd towards alpha = 2 and small f, where K exceeds 1e10.
    """
    f = _log_uniform(draw, 1e-8, 0.05)
    if i < 200:
        alpha = 2.0 + draw.uniform(-10, 10) * f
    else:
        f = _log_uniform(draw, 1e-8, 1e-5)
        alpha = 2.0 + draw.choice([-1, 0, 1, 1]) * _log_uniform(draw, 1e-4, 1.0) * f
    return [alpha], f, 0.0, Rule("hard")


def _oblique(draw, _):
    """Four loads on one curve, one in each part of the range."""
    f = _fraction(draw)
    kind = draw.random()
    if kind < 0.45:
        theta = draw.uniform(0, math.pi / 2)
    elif kind < 0.9:
        theta = _log_uniform(draw, 1e-6, math.pi / 2)
    else:
        theta = math.pi / 2
    ends = [1e-3, 1.0, 10.0, 1e3, 1e6]
    alphas = [_log_uniform(draw, *pair) for pair in itertools.pairwise(ends)]
    names = ["hard"] * 4 + ["easy"] * 3 + ["window", "mixture", "mixture"]
    return alphas, f, theta, _rule(draw, f, draw.choice(MARGINS), names)


MARGINS = ("absolute", "signed")
DRAWS = {"aligned": _aligned, "threshold": _threshold, "oblique": _oblique}


def curves(group):
    """The curves of a group: (alphas, keep_fraction, theta, rule)."""
    draw = DRAWS[group]
    return [draw(random.Random(f"{group} {i}"), i) for i in range(SIZES[group])]


def _record(curve, solution):
    rule = solution.rule
    record = {
        "curve": curve,
        "alpha_prune": solution.alpha_prune,
        "keep_fraction": solution.keep_fraction,
        "theta": solution.theta,
        "rule": rule.name,
        "margin_rule": rule.margin,
    }
    if rule.name == "window":
        record["lower"] = rule.lower
    if rule.name == "mixture":
        record |= {"share": rule.share, "end": rule.end}
    for name in FIELDS:
        record[name] = mp.nstr(getattr(solution, name), DIGITS.get(name, 25))
    return record


def path(group):
    """The file of a group."""
    return DATA / f"reference_{group}.json"


def load(group):
    """The records of a group: inputs as floats, results as decimal strings."""
    file = path(group)
    return json.loads(file.read_text()) if file.exists() else []


def _save(group, records):
    lines = ",\n".join(json.dumps(record) for record in records)
    partial = path(group).with_suffix(".part")
    partial.write_text(f"[\n{lines}\n]\n")
    partial.replace(path(group))


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("group", choices=SIZES)
    parser.add_argument("--minutes", type=float, default=1e9)
    options = parser.parse_args()
    group, stop = options.group, time.monotonic() + 60 * options.minutes
    records = load(group)
    done = {record["curve"] for record in records}
    for i, (alphas, f, theta, rule) in enumerate(curves(group)):
        if i in done:
            continue
        if time.monotonic() > stop:
            break
        began = time.monotonic()
        records += [_record(i, s) for s in solve_curve(alphas, f, theta, rule)]
        _save(group, records)
        worst = max(float(r["certified"]) for r in records if r["curve"] == i)
        took = time.monotonic() - began
        print(f"{group} {i}: {took:.1f} s, certified {worst:.0e}", flush=True)


if __name__ == "__main__":
    main()
