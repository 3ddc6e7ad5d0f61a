"""Figure 10: how the layers of a normalized tanh network saturate through training."""

from examples.glorot2010.trained import draw_layers, record

TITLE = "98th percentile and standard deviation of activations, tanh, normalized initialization"
PAPER = "It resembles softsign (Figure 3, bottom): the layers saturate together."


def measure(source):
    """Return the layers; None while there is no curve."""
    curves = source.longest("tanh-n")
    if not curves:
        return None
    return {"tanh-n": record(curves, ("Y_p98", "Y_sd", "saturated")), "basis": source.basis(curves)}


def draw(numbers):
    """Draw the first seed's network."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
    draw_layers(ax, numbers["tanh-n"][0], middle="Y_p98", dashed="Y_sd")
    ax.set_ylim(0, 1.02)
    ax.set_title(TITLE, fontsize=10)
    ax.legend(fontsize=8, ncols=2, loc="lower left", bbox_to_anchor=(0.02, 0.0))
    return figure


def verdicts(numbers):
    """Return none: the claim is about Figure 3."""
    return []
