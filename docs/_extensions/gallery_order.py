"""The order of the gallery: that of a course, from gradients by hand to the research."""

import warnings
from pathlib import Path
from typing import Any

from minnet import activations

ORDER = {
    "course": [
        "backprop_by_hand", "symmetry", "dropout_and_symmetry", "convex_loss",
        "saturation_by_inputs", "variance_by_width", "initialization_by_depth", "uniform_or_normal",
        "weight_gradient_trap", "saturation_order",
    ],
    "remedies": [
        "why_not_train", "restarts_and_scaling", "batch_norm_rescues", "dropout_and_clipping",
        "clipping_and_explosion", "pretraining",
    ],
    "estimators": ["init_in_grid_search", "explaining", "your_own_activation"],
    "research": [
        "lab_displays", "quarter_circle", "deep_rectifiers", "learning_time_by_depth", "edge_of_chaos",
        "edge_of_stability", "residual_networks", "mup_transfer", "rates_by_fan_in", "units_by_data",
        "sweep", "shapeset",
    ],
}  # fmt: skip


class Example:
    """Key by which sphinx-gallery sorts the files of a folder; one that is not listed stops the build."""

    def __init__(self, folder: str) -> None:
        self.names = ORDER.get(Path(folder).name, [])

    def __call__(self, file: str) -> int:
        return self.names.index(Path(file).stem.removeprefix("plot_"))


_REGISTERED = dict(activations._REGISTERED)


def begin_anew(gallery_conf: Any, file: str | None) -> None:
    """Give a page what a script of its own has: Python's filters of warnings, minnet's activations.

    Several pages are run in one process, and what one of them sets must not hide a fault of the next.
    """
    warnings.resetwarnings()
    for hidden in ResourceWarning, ImportWarning, PendingDeprecationWarning, DeprecationWarning:
        warnings.simplefilter("ignore", hidden)
    activations._REGISTERED.clear()
    activations._REGISTERED.update(_REGISTERED)
