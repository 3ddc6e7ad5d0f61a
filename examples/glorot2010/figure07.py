"""Figure 7: histograms of back-propagated gradients before training, tanh."""

from examples.glorot2010 import initial

TITLE = "Back-propagated gradients before training, tanh"
PAPER = (
    "Standard initialization (top): the peak at 0 is the smaller the higher the layer. Normalized "
    "(bottom): the layers are alike."
)
RULES = initial.verdicts_on_gradients  # whose docstring has them


def measure(source):
    """Return what probes saw."""
    return initial.measure(source.seeds, width=source.width)


def draw(numbers):
    """Draw the paper's two panels."""
    return initial.draw_histograms(numbers, "dZ")


def untrained(numbers):
    """Return the numbers with the two initializations exchanged: these networks are not trained anyway."""
    return initial.exchanged(numbers)


def verdicts(numbers):
    """Return the verdicts on C1 and C2."""
    return initial.verdicts_on_gradients(numbers)
