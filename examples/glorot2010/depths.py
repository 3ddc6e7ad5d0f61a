"""How deep? Errors of networks with one to five hidden layers."""

from examples.glorot2010.error_curves import COLORS, LINES
from examples.glorot2010.protocol import PRIOR_ERROR, ROWS
from examples.glorot2010.statistics import error_interval

TITLE = "Error on Shapeset-3x2 by the number of hidden layers"
PAPER = (
    "Depth 5 was the best on Shapeset for each kind of network, except for sigmoid: 4. Sigmoid networks "
    "of depth 5 never left their plateau."
)
DEPTHS = (1, 2, 3, 4, 5)


def measure(source):
    """Return validation errors by row and depth, after as many updates as all of a row's curves have.

    None while no row has more than one depth.
    """
    found = {}
    for row in ROWS:
        curves = {depth: source.trained(row, depth) for depth in DEPTHS}
        curves = {depth: of_depth for depth, of_depth in curves.items() if of_depth}
        every = [_validated(curve) for of_depth in curves.values() for curve in of_depth]
        common = set.intersection(*map(set, every)) if every else set()
        if len(curves) < 2 or not common:
            continue
        updates = max(common)
        found[row] = {"updates": updates, "depths": {}}
        for depth, of_depth in curves.items():
            errors = [_validated(curve)[updates] for curve in of_depth]
            found[row]["depths"][str(depth)] = {
                "rate": of_depth[0].run["rate"],
                "seeds": [curve.run["seed"] for curve in of_depth],
                "validation_error": errors,
            }
    return found or None


def _validated(curve):
    return {p["updates"]: p["validation_error"] for p in curve.points if p["updates"]}


def draw(numbers):
    """Draw a line for each row, with 95 % intervals."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6.8, 4.6), layout="constrained")
    for i, (row, found) in enumerate(numbers.items()):
        intervals = [
            error_interval(of_depth["validation_error"], 5000)
            for of_depth in found["depths"].values()
        ]
        depths = [int(depth) + 0.03 * (i - len(numbers) / 2) for depth in found["depths"]]
        middle, half = zip(*intervals, strict=True)
        style = {"color": COLORS.get(row, "0.4"), "ls": LINES.get(row, ":"), "capsize": 3}
        label = f"{ROWS[row][0]}, {found['updates']:,} updates"
        ax.errorbar(depths, middle, half, marker="o", ms=4, label=label, **style)
    ax.axhline(PRIOR_ERROR, color="0.4", lw=0.8)
    ax.text(1, PRIOR_ERROR + 0.4, "always the same class: 83.33 %", fontsize=8, color="0.3")
    ax.margins(y=0.08)
    ax.set(xlabel="hidden layers", ylabel="validation error, %", xticks=DEPTHS)
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8)
    return figure


def verdicts(numbers):
    """Return none: what is claimed of sigmoid is in C4."""
    return []
