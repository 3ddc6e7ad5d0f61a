"""The container against the library of the format, in both directions."""

import io
import json

import models
import numpy as np
import pytest
from models import difference

from minnet import save_model
from minnet.persistence.container import ArrayReader, write_container
from minnet.persistence.files import read_model

safetensors = pytest.importorskip("safetensors.numpy")

DTYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"]


@pytest.fixture(params=list(models.small_models()))
def model(request):
    return models.small_models()[request.param]


def arrays():
    random = np.random.default_rng(0)
    made = {f"of {dtype}": random.integers(0, 2, (3, 5)).astype(dtype) for dtype in DTYPES}
    made["transposed"] = random.normal(size=(4, 3)).T
    made["strided"] = random.normal(size=12)[::3]
    made["big-endian"] = random.normal(size=5).astype(">f8")
    made["empty"] = np.empty((0,))
    made["a number"] = np.array(2.5, dtype=np.float32)
    return made


def test_the_library_reads_what_was_written():
    file = io.BytesIO()
    write_container(file, arrays(), "text")
    read = safetensors.load(file.getvalue())
    assert read.keys() == arrays().keys()
    for name, array in arrays().items():
        assert difference(read[name], array.astype(array.dtype.newbyteorder("="))) is None


def test_what_the_library_wrote_is_read():
    given = {name: np.ascontiguousarray(a) for name, a in arrays().items() if name != "big-endian"}
    given["a number"] = np.array(2.5, dtype=np.float32)
    raw = safetensors.save(given, {"minnet": "text"})
    reader = ArrayReader(io.BytesIO(raw), len(raw))
    assert reader.description == "text"
    for name, array in given.items():
        read = reader.array(name, [array.dtype], array.shape, ndim=array.ndim)
        assert difference(read, array) is None
    reader.done()


def test_arrays_are_aligned_for_their_dtype():
    file = io.BytesIO()
    write_container(file, arrays(), "x" * 3)
    raw = file.getvalue()
    length = int.from_bytes(raw[:8], "little")
    for name, entry in json.loads(raw[8 : 8 + length]).items():
        if name != "__metadata__":
            start = 8 + length + entry["data_offsets"][0]
            assert start % arrays()[name].dtype.itemsize == 0


def test_a_model_survives_being_written_again_by_the_library(model, tmp_path):
    """Then the arrays come in another order."""
    save_model(model, tmp_path / "model")
    with safetensors.safe_open(tmp_path / "model", "numpy") as file:
        metadata = file.metadata()
    given = safetensors.load_file(tmp_path / "model")
    safetensors.save_file(given, tmp_path / "again", metadata)
    assert difference(read_model(tmp_path / "again"), model) is None


def test_other_programs_find_the_weights_by_name(tmp_path):
    model = models.small_models()["adam"]
    save_model(model, tmp_path / "model")
    read = safetensors.load_file(tmp_path / "model")
    for i, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        assert difference(read[f"layers.{i}.W"], np.array(W)) is None
        assert difference(read[f"layers.{i}.b"], np.array(b)) is None
