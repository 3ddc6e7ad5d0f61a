"""The list behind ``coefs_`` and ``intercepts_``."""

import numpy as np

__all__ = ["Parameters"]


class Parameters(list):
    """A list of views of a network's parameters, whose items copy in when they are assigned.

    Parameters
    ----------
    name : str
        What error messages call it.
    views : list of ndarray

    Examples
    --------
    >>> import numpy as np
    >>> weights = np.zeros((2, 2))
    >>> coefs = Parameters("coefs_", [weights])
    >>> coefs[0] = np.ones((2, 2))
    >>> weights
    array([[1., 1.],
           [1., 1.]])
    """

    def __init__(self, name, views):
        super().__init__(views)
        self.name = name

    def __setitem__(self, index, value):
        if isinstance(index, slice):
            raise TypeError(f"{self.name} takes one array at an index, or a whole list")
        self[index][...] = self._checked(index, value)

    def assign(self, values):
        """Copy a whole list of arrays in; nothing changes unless all of them fit."""
        if not isinstance(values, list | tuple) or len(values) != len(self):
            got = len(values) if isinstance(values, list | tuple) else type(values).__name__
            raise ValueError(f"{self.name} must be a list of {len(self)} arrays, got {got}")
        checked = [self._checked(i, value) for i, value in enumerate(values)]
        for view, value in zip(self, checked, strict=True):
            view[...] = value

    def _checked(self, index, value):
        view, name = self[index], f"{self.name}[{index}]"
        try:
            value = np.asarray(value)
        except ValueError:
            raise ValueError(f"{name} must be an array of shape {view.shape}, got a list") from None
        if value.shape != view.shape:
            raise ValueError(f"{name} must have shape {view.shape}, got {value.shape}")
        if value.dtype.kind not in "biuf":
            raise ValueError(f"{name} must be an array of numbers, got dtype {value.dtype}")
        with np.errstate(over="ignore"):
            # This copies, as it must: the value may be a view of the same buffer.
            value = value.astype(view.dtype)
        if not np.isfinite(value).all():
            raise ValueError(f"{name} must be finite in {view.dtype}, got NaN or infinity")
        return value

    def __reduce__(self):
        return list, (list(self),)
