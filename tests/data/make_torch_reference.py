"""Make torch_reference.npz: weights after 20 epochs of training by PyTorch 2.13.

    python -m venv torchenv
    torchenv/bin/pip install torch==2.13.0 numpy
    torchenv/bin/python tests/data/make_torch_reference.py

Everything is float64, unshuffled, on one thread. The last batch is shorter than the others. Each
case is stored as JSON (what to build) beside arrays ``<case>.<parameter>`` (what it became);
tests/integration/test_torch_parity.py reads them and needs no PyTorch.
"""

import itertools
import json
import pathlib

import numpy as np

N_SAMPLES, N_FEATURES, N_CLASSES, BATCH_SIZE, N_EPOCHS = 30, 5, 3, 8, 20

OPTIMIZERS = {
    "sgd": {"kind": "SGD", "learning_rate": 0.1},
    "momentum": {"kind": "SGD", "learning_rate": 0.05, "momentum": 0.9},
    "nesterov": {"kind": "SGD", "learning_rate": 0.05, "momentum": 0.9, "nesterov": True},
    "adam": {"kind": "Adam", "learning_rate": 0.01},
    # what epsilon is compared with depends on the parametrization
    "adam, no epsilon": {"kind": "Adam", "learning_rate": 0.01, "epsilon": 1e-30},
}


def cases():
    """Return the configuration of every case by name."""
    made = {}
    for activation in ("tanh", "relu", "softsign", "sigmoid"):
        for optimizer in OPTIMIZERS:
            made[f"{activation}.{optimizer}"] = {"activation": activation, "optimizer": optimizer}
    for activation in ("leaky_relu", "elu", "selu", "gelu", "silu", "softplus"):
        made[f"deep.{activation}"] = {
            "activation": activation,
            "optimizer": "nesterov" if activation in ("elu", "gelu", "softplus") else "adam",
            "hidden": [7, 6],
        }
    made["squared_error"] = {"activation": "tanh", "optimizer": "adam", "loss": "squared_error"}
    made["absolute_error"] = {"activation": "tanh", "optimizer": "sgd", "loss": "absolute_error"}
    made["poisson"] = {"activation": "relu", "optimizer": "adam", "loss": "poisson"}
    made["multilabel"] = {
        "activation": "sigmoid",
        "optimizer": "nesterov",
        "loss": "sigmoid_cross_entropy",
    }
    made["l2"] = {"activation": "tanh", "optimizer": "momentum", "alpha": 0.5}
    made["l2.adam"] = {"activation": "relu", "optimizer": "adam", "alpha": 0.5}
    made["adamw"] = {"activation": "tanh", "optimizer": "adam", "weight_decay": 0.3}
    for name, optimizer in (("adam", "adam, no epsilon"), ("sgd", "nesterov")):
        made[f"ntk.{name}"] = {
            "activation": "tanh",
            "optimizer": optimizer,
            "hidden": [7, 6],
            "ntk": True,
            **({"weight_decay": 0.3} if name == "adam" else {}),
        }
    made["weights"] = {"activation": "tanh", "optimizer": "adam", "weighted": True, "alpha": 0.1}
    made["clip_norm"] = {"activation": "tanh", "optimizer": "momentum", "clip_norm": 0.2}
    made["clip_value"] = {"activation": "relu", "optimizer": "sgd", "clip_value": 0.05}
    made["batch_norm"] = {"activation": "tanh", "optimizer": "adam", "batch_norm": True}
    made["batch_norm.sgd"] = {
        "activation": "relu",
        "optimizer": "nesterov",
        "batch_norm": True,
        "alpha": 0.2,
    }
    return made


def data():
    """Return inputs, targets and weights shared by all cases."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_SAMPLES, N_FEATURES))
    scores = X @ rng.normal(size=(N_FEATURES, N_CLASSES)) + rng.normal(size=(N_SAMPLES, N_CLASSES))
    return {
        "X": X,
        "T.log_loss": scores.argmax(axis=1),
        "T.squared_error": scores,
        "T.absolute_error": scores,
        "T.sigmoid_cross_entropy": (scores > 0).astype(float),
        "T.poisson": rng.poisson(np.exp(0.4 * scores)).astype(float),
        "sample_weight": rng.integers(0, 4, size=N_SAMPLES).astype(float),
    }


def initial_weights(hidden):
    """Return [W1, b1, W2, b2, ...] for the layer sizes."""
    rng = np.random.default_rng(1)
    sizes = [N_FEATURES, *hidden, N_CLASSES]
    arrays = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        arrays.append(rng.normal(size=(fan_in, fan_out)) / np.sqrt(fan_in))
        arrays.append(0.1 * rng.normal(size=fan_out))
    return arrays


class Model:
    """A dense network and its training in PyTorch; weights are kept as (fan_in, fan_out)."""

    def __init__(self, torch, case):
        self.torch, self.case = torch, case
        arrays = initial_weights(case.get("hidden", [7]))
        # The parametrization of the neural tangent kernel has W times the root of fan_in.
        self.roots = [len(W) ** 0.5 if case.get("ntk") else 1.0 for W in arrays[::2]]
        scaled = zip(self.roots, arrays[::2], strict=True)
        self.W = [torch.tensor(root * W, requires_grad=True) for root, W in scaled]
        self.b = [torch.tensor(b, requires_grad=True) for b in arrays[1::2]]
        self.norms = []
        if case.get("batch_norm"):
            for W in self.W[:-1]:
                self.norms.append(torch.nn.BatchNorm1d(W.shape[1], dtype=torch.float64))
        others = [*self.b, *(p for norm in self.norms for p in norm.parameters())]
        settings = dict(OPTIMIZERS[case["optimizer"]])
        kind, settings["lr"] = settings.pop("kind"), settings.pop("learning_rate")
        if "epsilon" in settings:
            settings["eps"] = settings.pop("epsilon")
        weights, others_of_group = {"params": self.W}, {"params": others}
        if "weight_decay" in case:
            kind = "AdamW"
            weights["weight_decay"], others_of_group["weight_decay"] = case["weight_decay"], 0.0
        if case.get("ntk"):
            others_of_group["lr"] = 0.1 * settings["lr"]
        groups = [weights, others_of_group]
        self.parameters = [*self.W, *others]
        self.optimizer = getattr(torch.optim, kind)(groups, **settings)

    def activation(self, Z):
        name = self.case["activation"]
        if name == "softplus":  # PyTorch's is linear above its threshold
            return self.torch.nn.functional.softplus(Z, threshold=700)
        return getattr(self.torch.nn.functional, name)(Z)

    def forward(self, Y):
        for i, (W, b) in enumerate(zip(self.W[:-1], self.b[:-1], strict=True)):
            Z = Y @ W / self.roots[i] + b
            if self.norms:
                Z = self.norms[i](Z)
            Y = self.activation(Z)
        return Y @ self.W[-1] / self.roots[-1] + self.b[-1]

    def losses(self, Z, T):
        F = self.torch.nn.functional
        match self.case.get("loss", "log_loss"):
            case "log_loss":
                return F.cross_entropy(Z, T, reduction="none")
            case "squared_error":
                return 0.5 * F.mse_loss(Z, T, reduction="none").sum(dim=1)
            case "absolute_error":
                return F.l1_loss(Z, T, reduction="none").sum(dim=1)
            case "poisson":
                return F.poisson_nll_loss(Z, T, reduction="none").sum(dim=1)
            case "sigmoid_cross_entropy":
                return F.binary_cross_entropy_with_logits(Z, T, reduction="none").sum(dim=1)

    def step(self, X, T, weight, mean_weight, weight_sum):
        objective = (weight * self.losses(self.forward(X), T)).mean() / mean_weight
        squares = sum((W**2).sum() for W in self.W)
        objective = objective + 0.5 * self.case.get("alpha", 0.0) / weight_sum * squares
        self.optimizer.zero_grad()
        objective.backward()
        if "clip_norm" in self.case:
            # torch.nn.utils.clip_grad_norm_ adds 1e-6 to the norm: more than the test allows.
            norm = self.torch.sqrt(sum((p.grad**2).sum() for p in self.parameters))
            if norm > self.case["clip_norm"]:
                for p in self.parameters:
                    p.grad *= self.case["clip_norm"] / norm
        if "clip_value" in self.case:
            self.torch.nn.utils.clip_grad_value_(self.parameters, self.case["clip_value"])
        self.optimizer.step()

    def train(self, arrays):
        loss = self.case.get("loss", "log_loss")
        X, T = (self.torch.tensor(arrays[name]) for name in ("X", f"T.{loss}"))
        weight = self.torch.ones(N_SAMPLES, dtype=self.torch.float64)
        if self.case.get("weighted"):
            weight = self.torch.tensor(arrays["sample_weight"])
        for _ in range(N_EPOCHS):
            for start in range(0, N_SAMPLES, BATCH_SIZE):
                rows = slice(start, start + BATCH_SIZE)
                self.step(X[rows], T[rows], weight[rows], weight.mean(), weight.sum())

    def result(self):
        made = {}
        for i, (W, b) in enumerate(zip(self.W, self.b, strict=True)):
            made[f"W{i}"], made[f"b{i}"] = W / self.roots[i], b
        for i, norm in enumerate(self.norms):
            made[f"gamma{i}"], made[f"beta{i}"] = norm.weight, norm.bias
            made[f"running_mean{i}"], made[f"running_var{i}"] = (
                norm.running_mean,
                norm.running_var,
            )
        return {name: tensor.detach().numpy() for name, tensor in made.items()}


def main():
    import torch

    torch.set_num_threads(1)
    arrays = data()
    stored = dict(arrays)
    for name, case in cases().items():
        model = Model(torch, case)
        model.train(arrays)
        stored.update({f"{name}.{key}": value for key, value in model.result().items()})
    for hidden in ([7], [7, 6]):
        for i, array in enumerate(initial_weights(hidden)):
            stored[f"initial{len(hidden)}.{i}"] = array
    stored["cases"] = np.array(json.dumps(cases()))
    stored["optimizers"] = np.array(json.dumps(OPTIMIZERS))
    stored["versions"] = np.array([f"torch {torch.__version__}", f"numpy {np.__version__}"])
    path = pathlib.Path(__file__).with_name("torch_reference.npz")
    np.savez_compressed(path, **stored)
    print(f"{path}: {len(cases())} cases, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
