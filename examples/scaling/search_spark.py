"""A grid search on a Spark cluster: spark-submit search_spark.py, or python search_spark.py [MASTER].

Without a master Spark is started on this machine, with two processes, and does what fails up to four
times, as a cluster would.
"""

import os
import sys

import joblib
from joblibspark import register_spark
from pyspark.sql import SparkSession
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import MinNetClassifier


def main(master="local[2,4]"):
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # of the workers here
    spark = SparkSession.builder.master(master).getOrCreate()
    register_spark()
    X, y = load_digits(return_X_y=True)
    net = MinNetClassifier(learning_rate_init=0.01, random_state=0)
    model = make_pipeline(StandardScaler(), net)
    grid = {
        "minnetclassifier__init": ["glorot", "orthogonal"],
        "minnetclassifier__alpha": [1e-4, 1e-2],
    }
    with joblib.parallel_config("spark", n_jobs=-1):
        search = GridSearchCV(model, grid, cv=3).fit(X, y)
    spark.stop()
    print(f"{search.best_score_:.3f} with {search.best_params_}")
    return search


if __name__ == "__main__":
    main(*sys.argv[1:])
