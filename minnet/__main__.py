"""What there is to run: ``python -m minnet``."""

from minnet._version import __version__
from minnet.backends.configuration import show_config
from minnet.estimators.documentation import DOCUMENTATION

WHAT_THERE_IS = f"""\
minnet {__version__}: dense neural networks from scratch, for people who live in
scikit-learn

A first model, to copy into Python:

    from sklearn.datasets import load_iris
    from minnet import MinNetClassifier
    X, y = load_iris(return_X_y=True)
    clf = MinNetClassifier((16,), solver="lbfgs", random_state=0).fit(X, y)
    print(clf.summary())
    print(clf.score(X, y))

To see in a browser how a network learns, or why not, with everything to play
with that decides it:

    python -m minnet.playground

Why a network does not train, fitted or not:

    from minnet.lab import diagnose
    deep = MinNetClassifier((64,) * 30, init="glorot", random_state=0)
    print(diagnose(deep, (X - X.mean(axis=0)) / X.std(axis=0), y))

What one batch does in each layer, forward and backward:

    from minnet import Dense, Network
    net = Network([Dense(5, "tanh"), Dense(3)])
    net.initialize(n_features=4, random_state=0)
    print(net.trace(X, y))

Documentation: {DOCUMENTATION}/
In a clone of the repository: make demo, make test, make paper (Glorot and
Bengio, 2010); make help names all.

This installation, as minnet.show_config() prints it:
"""


def main() -> None:
    """Print what there is to run, and what this installation is made of."""
    print(WHAT_THERE_IS)
    show_config()


if __name__ == "__main__":
    main()
