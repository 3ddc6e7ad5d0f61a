"""Training: the time of a step, for nine workloads and five ways to train them."""

import time
from dataclasses import asdict

import numpy as np

from benchmarks.contestants import CONTESTANTS
from benchmarks.report import figure, quartile_text, ratio_text, table
from benchmarks.runner import Job, alternate, ratios
from benchmarks.workloads import VARIANTS, WORKLOADS, Variant, Workload

__all__ = ["ROWS", "jobs_for", "prepare", "render"]

CHECK_EPOCHS = 3


def prepare(contestant, workload, variant, threads, **options):
    """Make a trainee, see that it trains, and return its burst: in the process of a worker."""
    workload, variant = Workload(**workload), Variant(**variant)
    trainee = CONTESTANTS[contestant](workload, variant, threads, **options)
    began = time.perf_counter()
    first = trainee.train(1)  # compiles, loads, touches
    checked = time.perf_counter()
    losses = trainee.train(CHECK_EPOCHS)
    epoch = (time.perf_counter() - checked) / CHECK_EPOCHS
    losses = losses if trainee.fresh else [*first, *losses]
    if not (np.isfinite(losses).all() and losses[-1] < losses[0]):
        raise RuntimeError(f"the loss does not fall: {losses}")
    weights = trainee.parameters()
    if sum(W.size for W in weights) != sum(
        a * b for a, b in zip(workload.sizes, workload.sizes[1:], strict=False)
    ):
        raise RuntimeError(f"a network of other sizes: {[W.shape for W in weights]}")
    if {str(W.dtype) for W in weights} != {variant.dtype}:
        raise RuntimeError(f"not computed in {variant.dtype}: {[W.dtype for W in weights]}")
    info = {"losses": losses[:CHECK_EPOCHS], "checked in": time.perf_counter() - began}
    info |= trainee.notes

    def burst(seconds):
        nonlocal epoch
        # Short epochs: at least three more than one, for a difference of noisy times must not be small.
        least = 3 if trainee.fresh and epoch < 1 else 1
        n_epochs = max(least, min(20_000, int(seconds / max(epoch, 1e-6))))
        short = 0.0
        if trainee.fresh:
            began = time.perf_counter()
            trainee.train(1)
            short = time.perf_counter() - began
        began = time.perf_counter()
        trainee.train(n_epochs + trainee.fresh)
        more = time.perf_counter() - began - short
        # For the next burst; the first guess of an estimator was mostly what surrounds the steps.
        epoch = min(epoch, more / n_epochs) if more > 0 else epoch
        step = more / (n_epochs * workload.n_steps)
        answer = {"seconds": step, "epochs": n_epochs}
        return answer | ({"one epoch": short} if trainee.fresh else {})

    return burst, info


def jobs_for(workload, variant, names=tuple(CONTESTANTS), threads=2):
    """Return the jobs of some contestants for one workload."""
    return [
        Job(
            name,
            "benchmarks.training:prepare",
            {
                "contestant": name,
                "workload": asdict(workload),
                "variant": asdict(variant),
                "threads": threads,
            },
        )
        for name in names
    ]


def _row(workload, variant):
    def run(options):
        jobs = jobs_for(workload, variant, threads=options.threads)
        return alternate(jobs, options)

    run.about = (workload, variant)
    return run


ROWS = {
    "training-" + w.name + ("" if v.name == "sgd" else f"-{v.name}"): _row(w, v)
    for v in VARIANTS.values()
    for w in WORKLOADS.values()
    if (v.name != "l2" or w.nonzeros)  # where L2 might make a step touch all of W
    and (v.name == "sgd" or not w.endless)
}


def render(results, ceilings):
    """Return the section of the report: a summary, a table of ratios, all times."""
    parts = ["## Training: the time of a step\n"]
    parts.append(
        "`MinNetClassifier.fit` and `MLPClassifier.fit`: the time of a fit of many epochs less that of "
        "one epoch, by the steps between, so that checking data and drawing weights, which happen once, "
        "are not in it (they are in *fit of one epoch*). PyTorch and JAX: an epoch's time by its steps. "
        "*Ratio*: best peer's time over minnet's, round by round: median (quartiles). *Of peak*: the "
        "step's multiplications and additions at the measured peak of "
        f"{ceilings.get('text', 'this machine')}, over minnet's time; all threads count, also where a "
        "step is too small to share and minnet takes it on one.\n"
    )
    details = []
    for variant in VARIANTS.values():
        rows = []
        for workload in WORKLOADS.values():
            name = f"training-{workload.name}" + (
                "" if variant.name == "sgd" else f"-{variant.name}"
            )
            if name not in results:
                continue
            records = results[name]
            rows.append(_summary(workload, variant, records, ceilings))
            details += [_detail(name, workload, contestant, r) for contestant, r in records.items()]
        if rows:
            goal = variant.name == "sgd"
            head = ["workload", "batch", "minnet", "best peer", "its step", "ratio"]
            head += ["goal"] * goal + ["to scikit-learn"] + ["goal"] * goal + ["of peak"]
            parts.append(
                f"### {variant.title[0].upper()}{variant.title[1:]}\n\n{table(head, rows)}"
            )
    if not details:
        return ""
    head = ["row", "contestant", "step: median (quartiles)", "least", "bursts", "fit of one epoch",
            "losses of the first epochs", "CPUs used by others"]  # fmt: skip
    parts.append(f"### Every contestant\n\n{table(head, details)}")
    return "\n".join(parts)


def _summary(workload, variant, records, ceilings):
    ours = records["minnet"]
    peers = {n: r for n, r in records.items() if n != "minnet" and r.bursts}
    goals = [[f"≥ {goal:g}" if goal else ""] for goal in (workload.goal, workload.sklearn_goal)]
    goals = goals if variant.name == "sgd" else ([], [])
    if not ours.bursts or not peers:
        return [workload.name, workload.batch, "failed", "", "", "", *goals[0], "", *goals[1], ""]
    best = min(peers, key=lambda name: np.median(peers[name].values()))
    median = float(np.median(ours.values()))
    to_sklearn = ratio_text(ratios(peers["scikit-learn"], ours)) if "scikit-learn" in peers else ""
    peak = ceilings.get(variant.dtype)
    return [
        f"{workload.name}: {workload.shape}", workload.batch, f"**{figure(median)}**", best,
        figure(float(np.median(peers[best].values()))), f"**{ratio_text(ratios(peers[best], ours))}**",
        *goals[0], to_sklearn, *goals[1],
        f"{workload.flops / peak / median:.0%}" if peak else "",
    ]  # fmt: skip


def _detail(name, workload, contestant, record):
    if not record.bursts:
        return [name, contestant, "failed", "", "", "", record.info.get("error", "")[-100:], ""]
    once = record.values("one epoch")
    return [
        name, contestant, quartile_text(record.values()), figure(float(record.values().min())),
        len(record.bursts), figure(float(np.median(once))) if len(once) else "",
        ", ".join(f"{loss:.3f}" for loss in record.info["losses"]),
        f"{np.median(record.values('others')):.2f}" if len(record.values("others")) else "?",
    ]  # fmt: skip
