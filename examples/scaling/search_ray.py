"""A grid search on a Ray cluster: python search_ray.py [ADDRESS].

Without an address Ray is started on this machine, with two processes.
"""

import sys

import joblib
import ray
from ray.util.joblib import register_ray
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import MinNetClassifier


def main(address=None):
    ray.init(address) if address else ray.init(num_cpus=2, include_dashboard=False)
    register_ray()
    X, y = load_digits(return_X_y=True)
    net = MinNetClassifier(learning_rate_init=0.01, random_state=0)
    model = make_pipeline(StandardScaler(), net)
    grid = {
        "minnetclassifier__init": ["glorot", "orthogonal"],
        "minnetclassifier__alpha": [1e-4, 1e-2],
    }
    again = {"max_restarts": 3, "max_task_retries": 3}  # of a process that dies
    with joblib.parallel_config("ray", n_jobs=-1, ray_remote_args=again):
        search = GridSearchCV(model, grid, cv=3).fit(X, y)
    ray.shutdown()
    print(f"{search.best_score_:.3f} with {search.best_params_}")
    return search


if __name__ == "__main__":
    main(*sys.argv[1:])
