"""Write format_1.safetensors and format_1_trainer.safetensors, with what they must predict.

It was run once, with minnet 0.1.0. The files are not to be written again: they stand for those that
users have, and every later version must read them. A new format gets files of its own.
"""

import warnings
from pathlib import Path

import numpy as np

from minnet import SGD, BatchNorm, Dense, Dropout, MinNetClassifier, Network, Trainer, save_model
from minnet.initializers import GlorotUniform

HERE = Path(__file__).parent


def main():
    """Fit and save."""
    random = np.random.RandomState(5)
    X = random.normal(size=(40, 4)).astype(np.float32)
    y = np.array(["ja", "nein", "vielleicht ☃"])[random.randint(3, size=40)]
    classifier = MinNetClassifier(
        layers=[
            Dense(5, "tanh", init="orthogonal", lr_factor=0.5),
            BatchNorm("relu"),
            Dropout(0.25),
            Dense(4, init=GlorotUniform(gain=1.5)),
        ],
        init=[None, None, np.full((4, 3), 0.25)],
        class_weight={"ja": 2.0},
        batch_size=8,
        max_iter=3,
        early_stopping=True,
        validation_fraction=0.25,
        n_iter_no_change=np.inf,
        random_state=np.random.RandomState(7),
    )
    network = Network([Dense(3, "softsign"), Dense(1)], "squared_error", alpha=0.01)
    trainer = Trainer(
        network.initialize(4, random_state=1),
        SGD(0.05, momentum=0.9, nesterov=True),
        learning_rate="invscaling",
        batch_size=8,
        clip_norm=1.0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classifier.fit(X, y)
        trainer.fit(X, X[:, 0] - X[:, 1], max_epochs=3)
    classifier.feature_names_in_ = np.array(["a", "b", "ü", ""], dtype=object)
    save_model(classifier, HERE / "format_1.safetensors")
    save_model(trainer, HERE / "format_1_trainer.safetensors")
    np.savez_compressed(
        HERE / "format_1_predictions.npz",
        X=X,
        y=y,
        proba=classifier.predict_proba(X),
        of_trainer=network.predict(X),
        after_another_epoch=classifier.set_params(early_stopping=False).partial_fit(X, y).coefs_[0],
    )


if __name__ == "__main__":
    main()
