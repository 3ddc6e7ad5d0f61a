"""One network on a Spark cluster: spark-submit train_spark.py, or python train_spark.py [MASTER].

Without a master Spark is started on this machine, with two processes. A barrier stage starts all ranks at
once, and ends all when one fails.
"""

import os
import pickle
import sys

import pandas as pd
from pyspark import BarrierTaskContext
from pyspark.sql import SparkSession
from sklearn.datasets import load_digits

from minnet import MinNetClassifier
from minnet.distributed import Gloo, free_address, together


def fit_by(frame, model, target, size):
    """Return the model fitted to a Spark DataFrame, of which each rank gets a part."""
    empty = frame.limit(0).toPandas()  # a rank may have no rows, which are of the same kinds

    def fit(parts):
        context = BarrierTaskContext.get()
        rank = context.partitionId()
        address = context.allGather(free_address() if rank == 0 else "")[0]
        rows = pd.concat([empty, *parts])
        with together(Gloo(address, rank, size, timeout=60)):
            model.fit(rows.drop(columns=target), rows[target])
        if rank == 0:  # it is the same on all ranks
            yield pd.DataFrame({"model": [pickle.dumps(model)]})

    fitted = frame.repartition(size).mapInPandas(fit, "model binary", barrier=True)
    return pickle.loads(fitted.collect()[0]["model"])


def main(master="local[2]", model=None, size=2):
    model = model or MinNetClassifier(learning_rate_init=0.01, random_state=0)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # of the ranks on one machine
    spark = SparkSession.builder.master(master).getOrCreate()
    X, y = load_digits(return_X_y=True, as_frame=True)
    frame = spark.createDataFrame((X / 16).assign(digit=y))  # or spark.read.parquet(...)
    try:
        model = fit_by(frame, model, "digit", size)
    finally:
        spark.stop()
    print(f"{size} ranks: loss {model.loss_:.4f} after {model.n_iter_} epochs")
    return model


if __name__ == "__main__":
    main(*sys.argv[1:])
