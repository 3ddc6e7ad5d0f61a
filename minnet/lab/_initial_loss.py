"""What the loss on a batch says: whether the network has learned, or is far off before it has."""

import numpy as np

from minnet.lab._finding import Finding

__all__ = ["loss_of_constant", "loss_of_data", "loss_too_high"]

# Times the loss of the best constant, for numbers.
_OF_ZEROS = 5.0
_OF_OUTPUTS = 10.0  # those of weights drawn at random stray
_LARGE_TARGET = 10.0  # standard deviation


def loss_of_data(subject, m):
    """Return the loss of a measurement without the penalty of the weights."""
    network, T, weights = subject.network, subject.T, subject.weights
    l2 = sum(
        float(np.square(network.params[row.slice], dtype=np.float64).sum())
        for row in network.parameter_table
        if row.is_weight
    )
    total = len(T) if weights is None else weights.sum()
    return m.loss - 0.5 * network.alpha / total * l2


def loss_of_constant(network, T, weights):
    """Return the loss of the best answer that does not look at the input; None if it is not known."""
    loss, p = network.loss_, _shares(T, weights)
    name = type(loss).__name__
    tiny = 1e-300
    if loss.output == "softmax":
        prior = np.bincount(T, weights=p, minlength=network.sizes[-1])
    else:
        T = T.astype(np.float64)
        prior = p @ T
    if name in ("SoftmaxCrossEntropy", "SigmoidCrossEntropy"):
        entropy = -(prior * np.log(np.maximum(prior, tiny))).sum()
        if loss.output == "logistic":
            entropy -= ((1 - prior) * np.log(np.maximum(1 - prior, tiny))).sum()
        return float(entropy)
    if name == "SquaredError" and loss.output != "identity":
        return None
    if name == "Poisson":
        Z = np.log(np.maximum(prior, tiny))
    elif name == "SquaredError":
        Z = prior
    elif name in ("AbsoluteError", "Huber", "Quantile"):
        # Of unweighted targets: near enough for a comparison by factors. Huber's lies near one of them.
        Z = np.quantile(T, getattr(loss, "quantile", 0.5), axis=0)
    else:
        return None
    return _of_answer(loss, Z, T, p)


def _shares(T, weights):
    """Return the share of each sample."""
    return np.full(len(T), 1 / len(T)) if weights is None else weights / weights.sum()


def _of_answer(loss, Z, T, p):
    """Return the mean loss of one answer to all samples."""
    return float(p @ loss.value(np.broadcast_to(Z, T.shape), T))


def loss_too_high(subject, m, best):
    """Find a loss far above that of the best constant prediction.

    Parameters
    ----------
    subject : Subject
    m : Measurement
    best : float or None
        Its :func:`loss_of_constant`.

    Returns
    -------
    Finding or None
    """
    network = subject.network
    if not m.layers:
        return None
    loss, last = loss_of_data(subject, m), int(m.index[-1])
    if network.loss_.output in ("softmax", "logistic"):
        return None if best is None else _of_classes(network, loss, best, last)
    T = subject.T.astype(np.float64)
    if network.loss_.output == "identity":
        sd = float(np.sqrt(T.var(axis=0).sum()))
        if sd > _LARGE_TARGET:
            return Finding(
                "unscaled_targets", last, sd, _LARGE_TARGET,
                f"The targets have a standard deviation of {sd:.3g}, where new networks' answers have 1.",
                "Scale the targets: scale_targets=True of a MinNetRegressor.",
            )  # fmt: skip
    if best is None or not best > 0 or loss <= _OF_ZEROS * best:
        return None
    of_zeros = _of_answer(network.loss_, 0.0, T, _shares(T, subject.weights))
    sentence = (
        f"The loss is {loss:.3g}, where the best answer that is the same for all has {best:.3g}"
    )
    if of_zeros > _OF_ZEROS * best:
        scale = "scale_targets=True of a MinNetRegressor, or "
        return Finding(
            "unscaled_targets", last, loss, _OF_ZEROS * best,
            f"{sentence}, and answers of 0, where new networks start, have {of_zeros:.3g}.",
            f"Center the targets: {scale if network.loss_.output == 'identity' else ''}start the output's "
            'biases where they are, bias_init="output_prior".',
        )  # fmt: skip
    if loss <= _OF_OUTPUTS * best:
        return None
    return Finding(
        "initial_loss_too_high", last, loss, _OF_OUTPUTS * best,
        f"{sentence}: the outputs are far from the targets.",
        "Draw smaller weights for the output layer, and start its biases at the mean of the targets: "
        'bias_init="output_prior".',
    )  # fmt: skip


def _of_classes(network, loss, best, last):
    # Beside the loss of logits that are all 0, where a good start is: it is above the entropy if the
    # classes are of uneven frequency.
    k = network.sizes[-1]
    chance = np.log(k) if network.loss_.output == "softmax" else k * np.log(2)
    threshold = float(chance + max(chance, 1.0))
    if loss <= threshold:
        return None
    return Finding(
        "initial_loss_too_high", last, loss, threshold,
        f"The loss is {loss:.3g}, where always answering with the frequencies of the classes has "
        f"{best:.3g}: the network is sure, and wrong.",
        "Draw smaller weights for the output layer, and start its biases at the frequencies: "
        'bias_init="output_prior".',
    )  # fmt: skip
