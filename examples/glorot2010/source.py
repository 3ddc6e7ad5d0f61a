"""Where the figures' numbers come from: networks before training, and curves of trained ones."""

from dataclasses import dataclass, field

from sklearn.utils import Bunch

from examples.glorot2010.table1 import chosen

__all__ = ["Source"]


@dataclass(frozen=True)
class Source:
    """What figures may measure.

    Parameters
    ----------
    curves : list of Curve, default=()
        Of trained networks, as :func:`examples.glorot2010.curves.read_curves` reads them.
    label : str, default="long runs"
        What they are called in verdicts.
    width : int, default=1000
        Units of a hidden layer: of the curves to take, and of the networks before training.
    seeds : tuple of int
        Of the networks before training.
    sets : tuple of Bunch
        Other data sets, of :mod:`minnet.datasets`; without any, scikit-learn's digits.
    epochs : int
        On those.
    jobs : int
        Processes at a time.
    doubts : dict
        Of :func:`examples.glorot2010.rate_choices.doubts`.
    images : Bunch, optional
        Of :func:`minnet.datasets.load_image_folder`: what Figure 1 shows in the place of the images
        that are not public; scikit-learn's digits without.
    """

    curves: list = field(default_factory=list)
    label: str = "long runs"
    width: int = 1000
    seeds: tuple = (0, 1, 2, 3, 4)
    sets: tuple = ()
    epochs: int = 10
    jobs: int = 1
    images: Bunch | None = None
    doubts: dict = field(default_factory=dict)

    def doubt(self, run):
        """Return what is to be said against the choice of a run's learning rate, or ""."""
        kind = f"{run['depth']}x{run['width']}"
        return self.doubts.get((kind, run["row"], run["rate"]), "")

    def trained(self, row, depth=5, fixed=0, shape="equal"):
        """Return the curves of a row, one for each seed, at its learning rate; empty if there are none."""
        return chosen(self.curves, depth, self.width, fixed, shape).get(row, [])

    def longest(self, row, depth=5):
        """Return those curves of a row that got as far as any: the others know nothing of later times."""
        curves = self.trained(row, depth)
        furthest = max((curve.updates for curve in curves), default=0)
        return [curve for curve in curves if curve.updates == furthest]

    def basis(self, curves):
        """Return what a verdict on curves is based on."""
        made = sorted({curve.updates for curve in curves})
        span = f"{made[0]:,}" if len(made) == 1 else f"{made[0]:,} to {made[-1]:,}"
        n = len(curves)
        return f"{self.label}, {span} updates, {n} network{'s' * (n != 1)}"
