"""Fitted models for places without minnet: ONNX, pipelines through skl2onnx, one file of NumPy.

:func:`to_onnx` needs the extra ``onnx`` (``pip install 'minnet-learn[onnx]'``), :func:`register_skl2onnx`
needs skl2onnx; neither is imported before. :func:`to_numpy_source` needs nothing.
"""

from minnet.export.numpy_source import to_numpy_source
from minnet.export.onnx_model import to_onnx
from minnet.export.skl2onnx_converters import register_skl2onnx

__all__ = ["register_skl2onnx", "to_numpy_source", "to_onnx"]


def __dir__() -> list[str]:
    return __all__
