"""Statistics of results: ranks, ratios with intervals over tables, losses that are significant.

The unit is the table: of a table's splits the mean is taken first, of two contestants over the splits
that both have; what is said of many tables comes from resampling tables.
"""

import numpy as np
import pandas as pd
from scipy import stats

__all__ = ["METRICS", "OFFSET", "compare", "corrected_t_test", "frame", "geometric_mean", "interval",
           "mean_ranks", "pairs", "ratios"]  # fmt: skip

# Added to both sides of a ratio of errors and losses, so that zero can be divided by.
OFFSET = 0.001
METRICS = ("loss", "error", "1 - auc")


def frame(lines, threads=1):
    """Return a DataFrame of results: numbers where they are, and the metrics, less being better.

    "loss" is the log loss, of classes only; "error" the error rate, or RMSE / sd; "failed" what has none.
    """
    data = pd.DataFrame(lines)
    texts = {"table", "model", "status", "task", "version", "machine"}
    for name in data.columns.difference(list(texts)):
        data[name] = pd.to_numeric(data[name], errors="coerce")
    data = data[data["threads"] == threads].copy()
    data["failed"] = data["status"] != "ok"
    data["loss"] = data["log_loss"]
    data["error"] = data["error"].fillna(data["rmse"])
    data["1 - auc"] = 1 - data["auc"]
    return data


def pairs(data, model, base, metric):
    """Return what two contestants came to on the splits that both have: index (table, split)."""
    ok = data[~data["failed"]]
    sides = [
        ok[ok["model"] == name].set_index(["table", "split"])[metric] for name in (model, base)
    ]
    return pd.concat(sides, axis=1, keys=[model, base], join="inner").dropna()


def ratios(data, model, base, metric):
    """Return, by table, the ratio of two means over splits."""
    return _ratios(pairs(data, model, base, metric), metric)


def _ratios(both, metric):
    offset = OFFSET if metric in METRICS else 0.0  # times have none
    means = both.groupby(level=0).mean() + offset
    return means.iloc[:, 0] / means.iloc[:, 1]


def geometric_mean(values):
    return float(np.exp(np.mean(np.log(values))))


def interval(values, n_resamples=10_000, level=0.95, seed=0):
    """Return the percentile interval of the geometric mean, tables being resampled."""
    logs = np.log(np.asarray(values, dtype=float))
    drawn = np.random.default_rng(seed).integers(0, len(logs), (n_resamples, len(logs)))
    tails = [(1 - level) / 2, (1 + level) / 2]
    return tuple(float(v) for v in np.exp(np.quantile(logs[drawn].mean(axis=1), tails)))


def corrected_t_test(differences, n_train, n_test):
    """Return the two-sided p of Nadeau and Bengio's corrected resampled t-test.

    Splits share rows of training: the variance of the mean is taken as (1/k + n_test/n_train) s² instead
    of s²/k (Nadeau & Bengio, 2003, Inference for the generalization error).
    """
    differences = np.asarray(differences, dtype=float)
    k = len(differences)
    if k < 2:
        return float("nan")
    mean, variance = differences.mean(), differences.var(ddof=1)
    if variance == 0:
        return 1.0 if mean == 0 else 0.0
    t = mean / np.sqrt((1 / k + n_test / n_train) * variance)
    return float(2 * stats.t.sf(abs(t), k - 1))


def _verdicts(data, both, level=0.05):
    """Return the tables on which one is better, and worse, than the other by that test."""
    sizes = data[~data["failed"]].groupby("table")[["n_train", "n_test"]].first()
    better, worse = [], []
    for table, of_table in both.groupby(level=0):
        differences = of_table.iloc[:, 0] - of_table.iloc[:, 1]
        if corrected_t_test(differences, *sizes.loc[table]) < level:
            (better if differences.mean() < 0 else worse).append(table)
    return better, worse


def compare(data, model, base, metric):
    """Return a dict of what can be said of two contestants; None where no table has both."""
    both = pairs(data, model, base, metric)
    if not len(both):
        return None
    values = _ratios(both, metric)
    better, worse = _verdicts(data, both)
    p = stats.wilcoxon(np.log(values)).pvalue if (values != 1).any() else 1.0
    return {
        "tables": len(values), "pairs": len(both), "mean": geometric_mean(values),
        "interval": interval(values), "median": float(np.median(values)), "wilcoxon": float(p),
        "lower": int((values < 1).sum()), "better": better, "worse": worse,
    }  # fmt: skip


def mean_ranks(data, models, splits, by=("loss", "error")):
    """Return each model's mean rank over the tables that count: those of which all have all splits.

    The rank on a table is that of the mean over splits of the log loss, or of RMSE in regression; with
    ``by=("error",)`` of error rate or RMSE. One that failed on any split is last there. Equals share a
    rank. The tables are returned too.
    """
    chosen = data[data["model"].isin(models) & data["split"].isin(splits)].copy()
    metric = chosen[by[0]]
    for name in by[1:]:
        metric = metric.where(chosen["task"] != "reg", chosen[name])
    chosen["ranked"] = np.where(chosen["failed"], np.inf, metric)
    counts = chosen.pivot_table(index="table", columns="model", values="split", aggfunc="nunique")
    counts = counts.reindex(columns=list(models)).fillna(0)
    complete = counts.index[(counts == len(splits)).all(axis=1)]
    means = (
        chosen[chosen["table"].isin(complete)]
        .groupby(["table", "model"])["ranked"]
        .mean()
        .unstack()
    )
    ranks = (
        means.rank(axis=1).mean().reindex(list(models)) if len(complete) else pd.Series(dtype=float)
    )
    return ranks, list(complete)
