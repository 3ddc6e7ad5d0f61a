"""Scores of treatments on the same draws of the same problems: kept in a file, compared in pairs.

A row has a *setting*, which is whatever was asked for; a problem; a *treatment*, what is compared; the
draw's number; and the score. A difference is that of two treatments in one setting, on one draw of one
problem.
"""

import csv
import datetime
import platform
from collections import defaultdict

import numpy as np
import scipy
import sklearn
from scipy import stats

import minnet

__all__ = ["Scores", "cell", "non_inferior", "pooled", "table", "versions"]


class Scores:
    """The scores of a study, in a file to which each is appended: what was stopped goes on.

    Parameters
    ----------
    path : Path
        Of the file; without a header.
    names : tuple of str
        Of what makes up a setting.
    """

    def __init__(self, path, names):
        self.path, self.names, self.known = path, names, {}
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                for *setting, problem, treatment, seed, score in csv.reader(file):
                    self.known[(*setting, problem, treatment, seed)] = float(score)

    def __contains__(self, key):
        return tuple(map(str, key)) in self.known

    def add(self, setting, problem, treatment, seed, score):
        """Keep a score, and write it to the file."""
        key = tuple(map(str, (*setting, problem, treatment, seed)))
        self.known[key] = score
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow([*key, f"{score:.5f}"])

    def differences(self, treatment, reference, **setting):
        """Return {(*setting, problem): differences from the reference}, of settings with these values."""
        found = defaultdict(list)
        for key, score in self.known.items():
            *names, problem, this, seed = key
            named = dict(zip(self.names, names, strict=True))
            if this == treatment and all(named[name] == value for name, value in setting.items()):
                other = self.known.get((*names, problem, reference, seed))
                if other is not None:
                    found[*names, problem].append(score - other)
        return {key: np.array(values) for key, values in found.items()}

    def write_differences(self, path, references):
        """Write mean and standard error over the draws, a row for each setting, problem and treatment.

        They are differences from the first of the references that the setting has.
        """
        with path.open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(
                [*self.names, "problem", "treatment", "minus", "draws", "difference", "error"]
            )
            written = set()
            for reference in references:
                for treatment in dict.fromkeys(key[-2] for key in self.known):
                    for key, values in self.differences(treatment, reference).items():
                        if treatment != reference and (key, treatment) not in written:
                            written.add((key, treatment))
                            mean, error = values.mean(), _squared_error(values) ** 0.5
                            numbers = [len(values), f"{mean:.5f}", f"{error:.5f}"]
                            out.writerow([*key, treatment, reference, *numbers])


def pooled(differences, by):
    """Return {by(key): (mean, standard error, draws)} of paired differences.

    The mean is over problems, of means over draws; the problems are taken as they are, so that the error
    is that of the draws. Settings that fall together share their draws and are averaged first.
    """
    groups = defaultdict(lambda: defaultdict(list))
    for key, values in differences.items():
        groups[by(key)][key[-1]].append(values)
    result = {}
    for name, problems in groups.items():
        n_draws = min(len(row) for rows in problems.values() for row in rows)
        values = [np.mean([row[:n_draws] for row in rows], axis=0) for rows in problems.values()]
        error = np.sqrt(sum(map(_squared_error, values))) / len(values)
        result[name] = float(np.mean(values)), float(error), n_draws
    return result


def _squared_error(values):
    return values.var(ddof=1) / len(values) if len(values) > 1 else np.nan


def non_inferior(cells, margin, level=0.05):
    """Return the names of the cells in which the difference is shown to be above ``-margin``.

    One-sided t-tests, and Holm's procedure: the chance of one or more false names is below ``level``.
    """
    p_values = {
        name: stats.t.sf((mean + margin) / max(error, 1e-12), n_draws - 1)
        for name, (mean, error, n_draws) in cells.items()
    }
    shown = set()
    for rank, name in enumerate(sorted(p_values, key=p_values.get)):
        if not p_values[name] <= level / (len(p_values) - rank):
            break
        shown.add(name)
    return shown


def cell(found):
    """Return a difference as it is printed, in units of 0.001."""
    return "" if found is None else f"{1000 * found[0]:+.1f} ± {1000 * found[1]:.1f}"


def table(names, columns):
    """Return the lines of a table: a row for each key, with its cell in each of the named columns."""
    keys = list(dict.fromkeys(key for column in columns.values() for key in column))
    rows = [[*key, *(cell(column.get(key)) for column in columns.values())] for key in keys]
    head = [*names, *columns]
    return [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]]


def versions(command):
    """Return the line of a report that says when, with what and how it was made."""
    libraries = {
        "minnet": minnet.__version__,
        "scikit-learn": sklearn.__version__,
        "NumPy": np.__version__,
        "SciPy": scipy.__version__,
        "Python": platform.python_version(),
    }
    return (
        f"- {datetime.date.today()}; {', '.join(map(' '.join, libraries.items()))}\n- `{command}`"
    )
