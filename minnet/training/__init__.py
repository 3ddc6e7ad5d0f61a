"""Training: epochs over mini-batches, and what stops, watches, interrupts and resumes them."""

from minnet.training.ensemble import EnsembleTrainer
from minnet.training.trainer import Trainer

__all__ = ["EnsembleTrainer", "Trainer"]


def __dir__() -> list[str]:
    return __all__
