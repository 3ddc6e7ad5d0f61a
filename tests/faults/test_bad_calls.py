"""Bad calls of everything public: an error of one sentence, and what was there stays as it was.

The functions are found by looking (``valid_calls.public``): one that is new and has no call in
``valid_calls.CALLS`` fails here by name.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError

pytest.importorskip("matplotlib", reason="the displays need matplotlib")
pytest.importorskip("pandas", reason="pandas is not installed")

import bad_calls
import valid_calls
from hostile_values import HOSTILE

SCRIPT = Path(__file__).with_name("bad_calls.py")

#: Calls that once ended in another exception, changed a state, hung, or ended the process.
FOUND = [
    # Ended the process: SciPy and the kernels followed indices out of their arrays.
    ("Network.forward", {"X": "broken csr"}),
    ("Network.loss_and_grad", {"X": "broken csr"}),
    ("MinNetClassifier.predict", {"X": "broken csr"}),
    ("BaseMinNet.fit", {"X": "broken csr"}),
    ("BaseMinNet.fit", {"X_val": "broken csr"}),
    ("VarianceByDepthDisplay.from_estimator", {"X": "broken csr"}),
    ("predict_variances", {"X": "broken csr"}),
    ("probe", {"X": "broken csr"}),
    # SciPy printed it whole in an error, and followed its pointers.
    ("SaturationDisplay.from_estimator", {"X": "csr with pointers that fall"}),
    ("get_activation", {"name": "csr with pointers that fall", "spec": "one masked"}),
    ("get_initializer", {"name": "csr with pointers that fall", "spec": "one masked"}),
    # So did NumPy: it followed a list into itself.
    ("check_gradients", {"rng": "list of itself"}),
    # On a worker that recursed: Dask's client lost the error, and waited for ever.
    ("DaskMinNetClassifier", {"hidden_layer_sizes": "list of itself"}),
    # Took for ever.
    ("coordinate_check", {"n_steps": "10**12"}),
    ("InvScaling", {"power_t": "10**12"}),
    ("InvScaling", {"power_t": "10**400"}),
    ("MeanField.variances", {"n_layers": "10**12"}),
    ("MeanField.gradient_variances", {"n_layers": "2**63"}),
    # Waited for what never comes.
    ("load_idx", {"path": "pipe"}),
    ("load_model", {"path": "pipe"}),
    ("Recording.load", {"path": "pipe"}),
    # Took what is nothing of the kind.
    ("BaseMinNet.fit", {"sample_weight": "complex"}),
    ("BaseMinNet.fit", {"sample_weight": "numpy duration"}),
    ("MinNetClassifier lbfgs", {"learning_rate": "class"}),
    ("MinNetClassifier", {"max_iter": "True"}),
    ("PhaseDiagramDisplay.from_estimator", {"X": "array of dates"}),
    ("activation", {"check": "string"}),
    ("TensorBoard", {"folder": "object"}),
    ("ImageGridDisplay.from_data", {"X": "one masked"}),
    ("LossCurveDisplay.plot", {"log": "string"}),
    ("mup", {"output": "string"}),
    ("HeNormal.__call__", {"dtype": "series"}),
    # Compared with names first, which polars refuses in its own way.
    ("Measurement.histogram", {"name": "polars frame of dates"}),
    ("LossSurfaceDisplay.from_estimator", {"loss": "polars frame"}),
    ("Loss.check_targets", {"n_samples": "polars frame of words"}),
    ("sweep", {"scoring": "polars frame of durations"}),
    # The shape of a row was asked for, which NumPy refuses while it handles another error.
    ("SoftmaxCrossEntropy.check_targets", {"T": "list of itself"}),
    # So were the axes of a list.
    ("SaturationDisplay.from_estimator", {"X": "list of itself"}),
    ("variance_band", {"widths": "ragged"}),
    # scikit-learn tried it twice.
    ("MinNetClassifier.score", {"y": "frame of sparse"}),
    ("TabularClassifier.score", {"y": "frame of sparse"}),
    # Called while the error of another way to call it was handled.
    ("FromFunction", {"function": "int class"}),
    # The way from the call to the check was long.
    ("Huber.check_targets", {"T": "masked whole numbers"}),
    ("Loss.as_targets", {"T": "records"}),
    ("Loss.as_targets", {"T": "dict with the value"}),
    ("LSUV.__call__", {"shape": "pair with 10**12"}),
    ("NguyenWidrow.__call__", {"shape": "pair with 10**12"}),
    ("TabularRegressor", {"y": "frame with columns of one name"}),
    # Trained first and raised then.
    ("Trainer.fit", {"validate": "string"}),
    ("Trainer.fit", {"validate": "int class"}),
    ("MinNetClassifier.partial_fit", {"sample_weight": "1e-320"}),
    # Numbers that no float, and no array, can hold.
    ("BaseMinNet.fit", {"X": "array of huge ints"}),
    ("BaseMinNet.fit", {"sample_weight": "10**400"}),
    ("BaseMinNet.fit", {"X_val": "-10**400"}),
    ("BaseMinNet.fit numbers", {"y": "array of huge ints"}),
    ("MinNetClassifier", {"alpha": "10**400"}),
    ("MinNetClassifier", {"clip_norm": "10**400"}),
    ("MinNetClassifier", {"clip_value": "10**400"}),
    ("MinNetClassifier", {"n_threads": "10**12"}),
    ("MinNetClassifier", {"n_threads": "10**400"}),
    ("MinNetClassifier", {"hidden_layer_sizes": "many"}),
    ("BatchChecks.check_batch", {"T": "array of huge ints"}),
    ("Network.loss_and_grad", {"n_samples": "10**400"}),
    ("Network.loss_and_grad", {"sample_weight": "10**400"}),
    ("Loss.check_targets", {"T": "array of huge ints"}),
    ("Adam", {"learning_rate": "10**400"}),
    ("Dense", {"lr_factor": "10**400"}),
    ("Elu", {"alpha": "10**400"}),
    ("Scaling.variance", {"fan_in": "10**400"}),
    ("HeNormal", {"gain": "1e308"}),
    ("HeUniform", {"negative_slope": "1e308"}),
    ("GlorotUniform", {"gain": "1e308"}),
    ("Stream.truncated_normal", {"lower": "-10**400"}),
    ("InitializerSupport.adapt", {"X": "1e300 in it"}),
    ("MeanField.critical", {"bias_variance": "10**400"}),
    ("MeanField.fixed_variance", {"tol": "10**400"}),
    ("MeanField.from_initializer", {"bias_init": "1e308"}),
    ("VarianceBand.interval", {"n_errors": "10**400"}),
    ("PhaseDiagramDisplay.from_activation", {"points": "10**400"}),
    ("LossSurfaceDisplay.from_estimator", {"directions": "array of huge ints"}),
    ("LossSurfaceDisplay.from_estimator", {"n_points": "2**63"}),
    ("Probe", {"n_bins": "2**63"}),
    ("SingularValuesDisplay.plot", {"n_bins": "-1"}),
    ("Trainer", {"tol": "10**400"}),
    ("calculate_gain", {"param": "1e308"}),
    ("marchenko_pastur", {"scale": "1e308"}),
    ("philox4x32", {"key": "negative"}),
    ("philox4x32", {"counter": "10**400"}),
    ("quarter_circle", {"scale": "1e308"}),
    ("variance_band", {"q": "1e308"}),
    ("minimize_lbfgs", {"tol": "10**400"}),
    ("pretrain", {"n_epochs": "10**12"}),
    ("MinNetRegressor", {"batch_size": "uint8"}),
    # Divided by zero.
    ("SaturationDisplay.from_estimator", {"X": "empty list"}),
    ("UpdateRatioDisplay.from_estimator", {"X": "empty dict"}),
    ("UpdateRatioDisplay.from_estimator", {"X": "frame of no rows"}),
    ("variance_band", {"q": "1e-320"}),
    ("Network.loss_and_grad", {"weight_sum": "0"}),
    ("InvScaling", {"power_t": "-inf"}),
    ("EdgeOfChaos.variance", {"fan_in": "0"}),
    # Followed a list into itself.
    ("Dense", {"init": "list of itself"}),
    ("Dense", {"bias_init": "list of itself"}),
    ("MinNetClassifier", {"init": "list of itself"}),
    ("HeNormal", {"truncated": "list of itself"}),
    ("SGD", {"nesterov": "list of itself"}),
    ("MeanField.from_initializer", {"initializer": "list of itself"}),
    # Looked for an attribute, a key or a place that is not there.
    ("LossCurveDisplay.plot", {"ax": "string"}),
    ("LossSurfaceDisplay.plot", {"ax": "list of the value"}),
    ("FirstLayerWeightsDisplay.from_estimator", {"shape": "dict"}),
    ("LossSurfaceDisplay.from_estimator", {"weights": "empty list"}),
    ("SaturationDisplay.from_estimator", {"estimator": "empty dict"}),
    ("SaturationDisplay.from_estimator", {"X": "int8"}),
    ("Measurement", {"description": "frame"}),
    ("Measurement.histogram", {"name": "string"}),
    ("MeanField.critical", {"bias_variance": "range"}),
    ("InitializerSupport.activation_above", {"layer_index": "7"}),
    ("_HistogramDisplay.from_measurement", {"measurement": "None"}),
    ("SaturationDisplay.from_recording", {"recording": "dict"}),
    ("Trainer", {"network": "None"}),
    ("diagnose model", {"X": "csr array"}),
    # What SciPy, scikit-learn and Python say of what they do not do.
    ("BaseMinNet.fit", {"y": "1-d coo"}),
    ("BaseMinNet.fit", {"y_val": "1-d coo"}),
    ("MinNetClassifier.partial_fit", {"classes": "1-d coo"}),
    ("MinNetClassifier.partial_fit first", {"classes": "bsr"}),
    ("Network", {"layers": "memoryview"}),
    ("Trainer.fit", {"callbacks": "bsr"}),
    ("Trainer", {"tol": "coo"}),
    ("activation", {"kinks": "bsr"}),
    ("UserActivation", {"kinks": "bsr"}),
    ("coordinate_check", {"widths": "bsr"}),
    ("Recording", {"measurements": "bsr"}),
    ("Recording", {"measurements": "memoryview"}),
    ("variance_band", {"widths": "bsr"}),
    ("diagnose", {"optimizer": "dict"}),
    ("LossCurveDisplay.from_estimator", {"names": "memoryview"}),
    ("LossSurfaceDisplay.from_estimator", {"directions": "0-d array"}),
]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    valid_calls._saved.cache_clear()


def test_everything_public_has_a_call():
    assert sorted(set(valid_calls.public()) - set(valid_calls.CALLS)) == []


def test_no_call_is_of_something_that_is_gone():
    by_loss = (
        "SoftmaxCrossEntropy",
        "SigmoidCrossEntropy",
        "Poisson",
    )  # of the base, which asks them
    known = {*valid_calls.public(), *(f"{loss}.check_targets" for loss in by_loss)}
    assert sorted(name for name in valid_calls.CALLS if name.split(" ")[0] not in known) == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.dev) if name in valid_calls.NEEDED else name
        for name in valid_calls.CALLS
    ],
)
def test_the_good_calls_work(name, capsys):
    if name in valid_calls.WITHOUT:
        pytest.skip(f"{valid_calls.NEEDED[name]} is not installed")
    call = valid_calls.CALLS[name]()
    if "not fitted" in name:
        with pytest.raises(NotFittedError):
            call.function(**call.arguments)
    else:
        call.function(**call.arguments)


def _run(*arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", SCRIPT, *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        env=environment,
    )
    assert done.returncode == 0, f"{done.stdout}\n...{done.stderr[-2000:]}"
    return done.stdout


def test_five_hundred_generated_bad_calls_in_a_process_of_their_own():
    # With as many functions as there are, each is called at least once.
    report = _run("--calls", "500")
    assert report.startswith("500 bad calls of ")
    assert int(report.split()[4]) >= len(valid_calls.public()) - 25  # those without arguments


@pytest.mark.parametrize(("name", "replaced"), FOUND, ids=lambda value: str(value))
def test_calls_that_once_failed(name, replaced):
    if name in valid_calls.WITHOUT:
        pytest.skip(f"{valid_calls.NEEDED[name]} is not installed")
    assert bad_calls.make_call(name, replaced) is None


@pytest.mark.slow
@settings(
    derandomize=True,
    max_examples=300,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_several_arguments_at_once(data):
    made = set(valid_calls.CALLS) - valid_calls.WITHOUT
    names = sorted(name for name in made if bad_calls.replaceable(name))
    name = data.draw(st.sampled_from(names), label="function")
    arguments = bad_calls.replaceable(name)
    chosen = data.draw(
        st.lists(st.sampled_from(arguments), min_size=1, max_size=3, unique=True), label="arguments"
    )
    # Nothing that only a process of its own, with bounded memory, may be asked for.
    values = sorted(set(HOSTILE) - bad_calls.HUGE - {"10**400", "-10**400", "many"})
    replaced = {name: data.draw(st.sampled_from(values), label=name) for name in chosen}
    fault = bad_calls.make_call(name, replaced)
    assert fault is None, fault
