"""The same numbers in all forms in which fit takes X, for tests of what takes X too."""

import numpy as np
import pytest
from scipy import sparse

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

N = 40
RNG = np.random.default_rng(0)
# Halves of small whole numbers are the same in every dtype.
A = RNG.integers(-4, 5, size=(N, 2)) / 2
INDEX = RNG.permutation(N) + 100
CLASSES = np.arange(N) % 3
COUNTS = RNG.integers(1, 4, N)
FRAME = pd.DataFrame(A, columns=["age", "income"], index=INDEX)

FORMS = {
    "array": A,
    "pandas": FRAME,
    "pandas nullable": FRAME.convert_dtypes(),
    "pandas arrow": FRAME.convert_dtypes(dtype_backend="pyarrow"),
    "pandas object": FRAME.astype(object),
    "pandas category": FRAME.astype("category"),
    "pandas mixed": FRAME.astype({"age": "Float32"}),
    "pandas sparse": FRAME.astype(pd.SparseDtype(float, 0.0)),
    "pandas two names": FRAME.set_axis(pd.MultiIndex.from_tuples([("a", 1), ("b", 2)]), axis=1),
    "polars": pl.DataFrame(A, schema=["age", "income"]),
    "arrow table": pa.Table.from_pandas(FRAME, preserve_index=False),
    "arrow batch": pa.RecordBatch.from_pandas(FRAME, preserve_index=False),
    "list": A.tolist(),
    "list of rows": list(A.astype("float32")),
    "fortran": np.asfortranarray(A),
    "read only": np.frombuffer(A.tobytes()).reshape(A.shape),
    "float16": A.astype("float16"),
    "other bytes": A.astype(">f4"),
    "objects": A.astype(object),
    "no mask": np.ma.masked_array(A),
    **{
        f"{kind} {name}": getattr(sparse, f"{name}_{kind}")(A)
        for kind in ("matrix", "array")
        for name in ("csr", "csc", "coo", "dok", "lil", "bsr", "dia")
    },
}
