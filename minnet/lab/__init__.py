"""The laboratory: what should happen in a network at its start, and what does.

``theory``
    Mean-field theory: variances, correlations and gradients by depth, for any activation.
"""

from minnet.lab import theory

__all__ = ["theory"]
