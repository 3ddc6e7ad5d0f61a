"""docs/initializers.rst: the tables of other libraries' initializers have all names of each."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "initializers.rst"

#: caffe/filler.hpp, GetFiller; lasagne/init.py; torch/nn/init.py; keras.initializers; jax.nn.initializers.
NAMES = {
    "Caffe": "constant uniform gaussian positive_unitball xavier msra bilinear sparse "
    "variance_norm AVERAGE FAN_OUT",
    "Lasagne": "Normal Uniform Glorot GlorotNormal GlorotUniform He HeNormal HeUniform Constant "
    "Sparse Orthogonal c01b",
    "Keras": "Zeros Ones Constant Identity RandomUniform RandomNormal TruncatedNormal "
    "VarianceScaling GlorotUniform GlorotNormal HeUniform HeNormal LecunUniform LecunNormal "
    "Orthogonal STFTInitializer",
    "PyTorch": "uniform_ normal_ trunc_normal_ constant_ ones_ zeros_ eye_ dirac_ xavier_uniform_ "
    "xavier_normal_ kaiming_uniform_ kaiming_normal_ orthogonal_ sparse_ calculate_gain",
    "JAX": "zeros ones constant uniform normal truncated_normal variance_scaling glorot_uniform "
    "glorot_normal he_uniform he_normal lecun_uniform lecun_normal orthogonal delta_orthogonal",
}


@pytest.mark.parametrize("library", NAMES)
def test_the_table_is_complete(library):
    if not PAGE.exists():
        pytest.skip("the pages are not here")
    _, table = PAGE.read_text().split(f".. list-table:: {library}", 1)
    rows = re.split(r"\n   \* - ", table.split("\n.. list-table::")[0].split("\nRandom streams")[0])
    first = " ".join(row.split("\n     - ")[0] for row in rows[2:])
    assert set(NAMES[library].split()) <= set(re.findall(r"\w+", first))
    for row in rows[2:]:
        assert row.split("\n     - ")[1:2] != [""], "nothing of minnet's"
