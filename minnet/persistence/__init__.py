"""Models as files that hold numbers and names only: reading one runs no code of the file.

==================== ==============================================================================
module               what is in it
==================== ==============================================================================
files                :func:`save_model` and :func:`load_model`
models               which function writes and reads which class
estimator            estimators as records, and back
table_encoder        encoders of tables as records, and back
tabular              estimators for tables as records, and back
trainings            networks and trainers as records, and back
ensembles            trainers of ensembles as records, and back
numbers              what numbers may be together, when a model is written and when it is read
schema               the fields of a class (:mod:`minnet.common.fields`) as a record, and back
values               arguments and configurations by their types as JSON, and back
names                minnet's own classes by name: a file can name no other
texts                arrays of texts as arrays of numbers
record               a JSON object that is read key by key, with nothing left over
container            the safetensors format: a header of JSON, then arrays
==================== ==============================================================================

A class says what its attributes may be once, as fields; what it remembers beside its arguments, and is
to be kept, is a field too. What came after the first files of format 1 is named in ``trainings``.
"""

from minnet.persistence.files import load_model, save_model

__all__ = ["load_model", "save_model"]


def __dir__() -> list[str]:
    return __all__
