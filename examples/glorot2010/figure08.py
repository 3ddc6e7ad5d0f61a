"""Figure 8: histograms of weight gradients before training, tanh."""

from examples.glorot2010 import initial

TITLE = "Weight gradients before training, tanh"
PAPER = (
    "With both initializations weight gradients are about the same in all layers, although "
    "back-propagated gradients are not."
)


def measure(source):
    """Return what probes saw."""
    return initial.measure(source.seeds, width=source.width)


def draw(numbers):
    """Draw the paper's two panels."""
    return initial.draw_histograms(numbers, "dW")


def verdicts(numbers):
    """Return none: C1 and C2 are with Figure 7."""
    return []
