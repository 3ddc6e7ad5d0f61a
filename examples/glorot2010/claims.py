"""What the paper claims, and what a verdict on it says."""

from dataclasses import asdict, dataclass, field

__all__ = ["BRIEFLY", "CLAIMS", "PLACES", "Verdict"]

#: The statements that are checked.
CLAIMS = {
    "C1": "Tanh, standard initialization, 5 x 1000, at the start: activations and back-propagated "
    "gradients shrink by about 1/sqrt(3) a layer, weight gradients are of one size in all hidden layers.",
    "C2": "Tanh, normalized initialization: back-propagated gradients do not shrink so; activations have "
    "the standard deviations that the theory gives.",
    "C3": "The mean singular value of a layer's Jacobian at the start is about 0.8 with the normalized "
    "initialization and 0.5 with the standard one.",
    "C4": "Sigmoid: with 4 hidden layers the top one saturates at 0 early and leaves it late; with 5 it "
    "does not leave it.",
    "C5": "Tanh, standard initialization: the layers saturate one after the other, the first one first; "
    "softsign's saturate together.",
    "C6": "At the end of training tanh's activations gather at -1, 0 or 1, softsign's between 0.6 and 0.8 "
    "and between -0.8 and -0.6.",
    "C7": "Standard initialization: that lower layers have smaller back-propagated gradients is reversed "
    "very quickly by training.",
    "C8": "The layers' weight gradients become different in training with the standard initialization, "
    "lower layers' larger, and stay alike with the normalized one.",
    "C9": "Test error on Shapeset: tanh N = softsign N = softsign < tanh << sigmoid.",
    "C10": "The quadratic cost has more plateaus than the cross-entropy.",
    "C11": "The normalized initialization gains as much where layers grow or shrink.",
    "C12": "On a fixed set of 100,000 images depth-5 tanh N errs in 50.47 %, an RBF SVM in 59.47 %, far "
    "from the 15.60 % of the endless stream.",
}

#: The same in a line.
BRIEFLY = {
    "C1": "standard weights: signals shrink by 1/√3",
    "C2": "normalized weights: they shrink much less",
    "C3": "mean singular values are about 0.8 and 0.5",
    "C4": "sigmoid's top layer saturates at 0, for long",
    "C5": "tanh saturates in turn, softsign together",
    "C6": "tanh ends at −1, 0, 1; softsign at its knees",
    "C7": "training soon turns the order of gradients",
    "C8": "weight gradients drift apart, not if normalized",
    "C9": "tanh N = both softsigns < tanh ≪ sigmoid",
    "C10": "the quadratic cost has more plateaus",
    "C11": "normalizing helps uneven layers as much",
    "C12": "100,000 fixed images: far from endless ones",
}

#: Where in the paper a statement is.
PLACES = {
    "C1": "Figures 6–8", "C2": "Figures 6, 7", "C3": "text", "C4": "Figure 2", "C5": "Figure 3",
    "C6": "Figure 4", "C7": "text", "C8": "Figure 9", "C9": "Table 1", "C10": "Figure 5",
    "C11": "text", "C12": "text",
}  # fmt: skip

OUTCOMES = ("reproduced", "partly", "not")


@dataclass(frozen=True)
class Verdict:
    """Whether a claim was seen here.

    Parameters
    ----------
    claim : str
        Of :data:`CLAIMS`.
    outcome : {"reproduced", "partly", "not"}
    measured : str
        The figures, with their uncertainty.
    basis : str
        What was measured: which networks, after how many updates, from how many seeds.
    seeds : int, default=0
        Of the kind of network that has fewest; 0 where it is not known.
    earlier : list of list of str
        Of each rule that this one took the place of, what was otherwise, the outcome by it, and that
        where nothing was trained.
    untrained : str, default=""
        The outcome by the same rule where nothing was trained, or, for claims of untrained networks,
        where what is compared was exchanged.

    Examples
    --------
    >>> from examples.glorot2010.claims import Verdict
    >>> str(Verdict("C3", "reproduced", "0.79 and 0.49", "3 seeds"))
    'C3: reproduced. 0.79 and 0.49 (3 seeds).'
    """

    claim: str
    outcome: str
    measured: str
    basis: str
    seeds: int = 0
    earlier: list = field(default_factory=list)
    untrained: str = ""

    def __post_init__(self):
        if self.claim not in CLAIMS:
            raise ValueError(f"claim must be one of {', '.join(CLAIMS)}, got {self.claim!r}")
        if self.outcome not in OUTCOMES:
            raise ValueError(f"outcome must be one of {', '.join(OUTCOMES)}, got {self.outcome!r}")

    def __str__(self):
        return f"{self.claim}: {self.outcome}. {self.measured} ({self.basis})."

    def record(self):
        """Return it as JSON has it, with the statement."""
        return asdict(self) | {"statement": CLAIMS[self.claim]}


def judged(parts):
    """Return "reproduced" if all of the parts hold, "partly" if some do, otherwise "not".

    Examples
    --------
    >>> from examples.glorot2010.claims import judged
    >>> judged([True, True]), judged([True, False]), judged([False])
    ('reproduced', 'partly', 'not')
    """
    parts = list(parts)
    return OUTCOMES[0] if all(parts) else OUTCOMES[1] if any(parts) else OUTCOMES[2]
