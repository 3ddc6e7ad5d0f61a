"""Models as files that hold numbers and names only: reading one runs no code of the file.

==================== ==============================================================================
module               what is in it
==================== ==============================================================================
files                :func:`save_model` and :func:`load_model`
models               networks, trainers and estimators as records, and back
values               arguments and configurations as JSON, by registered names, and back
record               a JSON object that is read key by key, with nothing left over
container            the safetensors format: a header of JSON, then arrays
==================== ==============================================================================
"""

from minnet.persistence.files import load_model, save_model

__all__ = ["load_model", "save_model"]
