"""One thing that is wrong with a network."""

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    code : str
        Such as "vanishing_backward".
    layer : int or None
        Index in ``network.layers`` of the layer where it begins; None for the network as a whole.
    figure : float
        What was measured.
    threshold : float
        What the figure was compared with.
    sentence : str
        What is wrong, with the figure.
    advice : str
        What to change.
    """

    code: str
    layer: int | None
    figure: float
    threshold: float
    sentence: str
    advice: str

    def __str__(self):
        return f"{self.sentence} {self.advice}"
