"""benchmarks/tables: what is said of results, and the file that they are kept in."""

import json
import signal
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import log_loss

pd = pytest.importorskip("pandas")
pytest.importorskip("benchmarks.tables.analysis")
from benchmarks.tables import analysis, contestants, data, report, run, worker  # noqa: E402


def fit_of(table, model, split, loss, task="class", **more):
    made = {
        "table": table,
        "model": model,
        "split": split,
        "threads": 1,
        "status": "ok",
        "task": task,
    }
    made |= {"log_loss": "", "error": "", "auc": "", "rmse": "", "cpu": 2.0, "predict_cpu": 0.01}
    made |= {"predict_one_cpu": 0.002}
    made |= {
        "n_train": 75,
        "n_test": 25,
        "version": "a 1",
        "machine": "m",
        "others": 0.0,
        "wall": 1.0,
    }
    if loss is None:
        return made | {"status": "failed: no"} | more
    found = {"log_loss": loss, "error": loss / 2, "auc": 0.9} if task == "class" else {"rmse": loss}
    return made | found | more


@pytest.mark.parametrize("differences", [[0.1, 0.3, 0.2, 0.25, 0.15], [-0.1, 0.3, 0.0], [1, 2]])
def test_corrected_t_test(differences):
    """Without test rows it is Student's; with them its variance is larger by k n_test / n_train."""
    assert analysis.corrected_t_test(differences, 100, 0) == pytest.approx(
        stats.ttest_1samp(differences, 0).pvalue
    )
    k, shrunk = len(differences), 1 / np.sqrt(1 + len(differences) / 3)
    t = stats.ttest_1samp(differences, 0).statistic * shrunk
    expected = 2 * stats.t.sf(abs(t), k - 1)
    assert analysis.corrected_t_test(differences, 75, 25) == pytest.approx(expected)


def test_corrected_t_test_where_nothing_varies():
    assert np.isnan(analysis.corrected_t_test([0.1], 75, 25))
    assert analysis.corrected_t_test([0.0, 0.0], 75, 25) == 1.0
    assert analysis.corrected_t_test([0.1, 0.1], 75, 25) == 0.0


def test_interval_is_that_of_scipy():
    values = np.exp(np.random.default_rng(0).normal(size=15))
    expected = stats.bootstrap((np.log(values),), np.mean, method="percentile", n_resamples=10_000,
                               random_state=np.random.default_rng(1)).confidence_interval  # fmt: skip
    np.testing.assert_allclose(np.log(analysis.interval(values)), expected, atol=0.03)
    assert analysis.interval([0.5, 0.5]) == pytest.approx((0.5, 0.5))


def test_ratios_are_of_means_over_the_splits_that_both_have():
    lines = [fit_of("t", "a", 0, 0.2), fit_of("t", "a", 1, 0.4), fit_of("t", "a", 2, 9.0)]
    lines += [fit_of("t", "b", 0, 0.6), fit_of("t", "b", 1, 0.8), fit_of("t", "b", 2, None)]
    lines += [fit_of("u", "a", 0, 0.5), fit_of("u", "b", 0, 0.1, threads=2)]
    lines += [fit_of("v", "a", 0, 0.5, "reg"), fit_of("v", "b", 0, 1.0, "reg", cpu=8.0)]
    frame = analysis.frame(lines)
    loss = analysis.ratios(frame, "a", "b", "loss")
    assert loss.to_dict() == pytest.approx({"t": 0.301 / 0.701})
    error = analysis.ratios(frame, "a", "b", "error")
    assert error.to_dict() == pytest.approx({"t": 0.151 / 0.351, "v": 0.501 / 1.001})
    assert analysis.ratios(frame, "a", "b", "cpu").to_dict() == {"t": 1.0, "v": 0.25}
    assert analysis.compare(frame, "a", "c", "loss") is None


def test_what_is_significant():
    noise = [0.0, 0.01, -0.01, 0.005, -0.005]
    lines = [fit_of(table, model, i, base + noise[i] * (1 if model == "a" else -1))
             for table, gain in (("won", 0.1), ("lost", -0.1), ("even", 0.001))
             for model, base in (("a", 0.5 - gain), ("b", 0.5)) for i in range(5)]  # fmt: skip
    found = analysis.compare(analysis.frame(lines), "a", "b", "loss")
    assert (found["better"], found["worse"]) == (["won"], ["lost"])
    assert (found["lower"], found["tables"], found["pairs"]) == (2, 3, 15)
    assert found["interval"][0] < found["mean"] < found["interval"][1]


def test_a_failure_is_last_in_the_ranks():
    lines = [fit_of("t", "a", 0, 0.1), fit_of("t", "b", 0, 0.2), fit_of("t", "c", 0, None)]
    lines += [fit_of("u", "a", 0, 0.3, "reg"), fit_of("u", "b", 0, 0.2, "reg")]
    lines += [fit_of("u", "c", 0, 0.2, "reg")]
    lines += [fit_of("not all", "a", 0, 0.1), fit_of("not all", "b", 0, 0.2)]
    ranks, tables = analysis.mean_ranks(analysis.frame(lines), ["a", "b", "c"], [0])
    assert tables == ["t", "u"]
    assert ranks.to_dict() == {"a": 2.0, "b": 1.75, "c": 2.25}


def test_report_of_made_up_results():
    models, tables = ("Tabular", "HGB", "MinNet", "RealMLP"), ("german", "vehicle", "geo", "crx")
    lines = [fit_of(t, m, i, 0.1 + 0.01 * j + 0.001 * i, "reg" if t == "geo" else "class")
             for j, m in enumerate(models) for t in tables
             for i in range(1 if m == "RealMLP" else 5)]  # fmt: skip
    lines[0] = fit_of("german", "Tabular", 0, None)
    text = report.report(lines + [fit_of("geo", "HGB", 0, 0.1, "reg", threads=2, wall=7.25)])
    assert "| Tabular | 3, 14 | 0.912 (" in text
    assert "| Tabular | 1.33 | 1.33 |" in text
    assert "- RealMLP, splits not run: geo (4), german (4), vehicle (4)" in text
    assert "- Tabular, german, split 0: failed: no" in text
    assert "## Other tables" in text
    assert "| geo | **7.25** |" in text


def test_measures_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    P = rng.dirichlet(np.ones(3), size=50)
    y = rng.integers(0, 3, 50)
    found = worker.measures("class", y, P, 3)
    assert found["log_loss"] == pytest.approx(log_loss(y, P))
    assert found["error"] == np.mean(P.argmax(axis=1) != y)
    assert "auc" not in worker.measures("class", np.zeros(50, dtype=int), P, 3)
    zeros = worker.measures("class", np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]]), 2)
    assert zeros["log_loss"] == pytest.approx(-np.log(1e-7) / 2)
    y = rng.normal(size=50)
    assert worker.measures("reg", y, np.full(50, y.mean()))["rmse"] == pytest.approx(1.0)


def test_columns_of_a_keel_file(tmp_path):
    path = tmp_path / "t.dat"
    path.write_text(
        "@relation t\n@data\n1, a, 2.5, no\n?, b, 1, yes\n\n3,?,<null>,no", encoding="utf-8"
    )
    frame = data.typed(data.keel_frame(path).drop(columns="c3"))
    assert [str(kind) for kind in frame.dtypes] == ["float64", "category", "float64"]
    np.testing.assert_array_equal(frame["c0"], [1, np.nan, 3])
    assert frame["c1"].cat.codes.tolist() == [0, 1, -1]
    assert list(frame["c1"].cat.categories) == ["a", "b"]


OF_SKLEARN = ("HGB", "5xHGB", "forest", "MLP", "MinNet")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("task", ["class", "reg"])
@pytest.mark.parametrize("name", OF_SKLEARN)
def test_contestants_read_categories_and_missing_values(name, task):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {"a": rng.normal(size=60), "b": pd.Categorical(rng.choice(["x", "y", None], 60))}
    )
    X.loc[:5, "a"] = np.nan
    y = rng.integers(0, 2, 60) if task == "class" else rng.normal(size=60)
    setting = worker._setting(X, task, 1, 0)
    assert setting.some_missing
    model = contestants.CONTESTANTS[name].make(setting).fit(X[:50], y[:50])
    assert np.isfinite(model.predict(X[50:])).all()


ENDS = {
    "ok": (0, json.dumps({"log_loss": 1 / 3, "n_train": 75}), ""),
    "more than 60 CPU seconds": (-signal.SIGXCPU, "", ""),
    "failed: ValueError: no": (1, "", "Traceback\nValueError: no\n"),
    "failed: exit status -9": (-9, "", ""),
}


@pytest.mark.parametrize("status", ENDS)
def test_a_line_for_each_end_of_a_fit(status, monkeypatch, tmp_path):
    ended = SimpleNamespace(
        **dict(zip(("returncode", "stdout", "stderr"), ENDS[status], strict=True))
    )
    monkeypatch.setattr(run.subprocess, "run", lambda *args, **kwargs: ended)
    found = run.fit("german", "HGB", 0, 1, 60)
    assert found["status"] == status
    assert found.get("log_loss") == (0.333333 if status == "ok" else None)
    run.append(tmp_path / "r.csv", found)
    assert [run.key_of(kept) for kept in run.read(tmp_path / "r.csv")] == [("german", "HGB", 0, 1)]


def test_what_is_in_the_file_is_not_run_again(monkeypatch, tmp_path):
    ran = []

    def fit(table, model, split, threads, limit):
        ran.append((model, split))
        return {"table": table, "model": model, "split": split, "threads": threads, "status": "ok"}

    monkeypatch.setattr(run, "fit", fit)
    monkeypatch.setattr(run, "sizes", lambda tables: tables)
    path = tmp_path / "results" / "r.csv"
    arguments = ["run", "--tables", "german", "--splits", "0", "1", "--output", str(path)]

    def main(*more):
        monkeypatch.setattr("sys.argv", [*arguments, *more])
        run.main()

    main("--models", "HGB")
    main("--models", "HGB", "MLP")
    assert ran == [("HGB", 0), ("HGB", 1), ("MLP", 0), ("MLP", 1)]
    main("--models", "MLP", "--again")
    assert ran[4:] == [("MLP", 0), ("MLP", 1)]
    assert len(run.read(path)) == 4
