"""
Explaining a fitted network
===========================

Which columns a network looks at, how its prediction depends on them, and what its hidden layer makes of
the data: chemical analyses of 178 wines of three growers.
"""

# %%
# A network in a pipeline
# -----------------------
#
# The diagram is what a notebook shows. A click on the last step opens the network.

import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.inspection import (
    DecisionBoundaryDisplay,
    PartialDependenceDisplay,
    permutation_importance,
)
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from minnet import MinNetClassifier, MinNetTransformer
from minnet.lab.displays import LossCurveDisplay

X, y = load_wine(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
scaler = StandardScaler().set_output(transform="pandas")
network = MinNetClassifier(
    (16, 2), "tanh", alpha=0.5, learning_rate_init=0.01, max_iter=1000, random_state=0
)
model = make_pipeline(scaler, network).fit(X_train, y_train)
model

# %%
# The network alone:

model[-1].network_

# %%
# Which columns matter
# --------------------
#
# How much accuracy is lost on data that were not trained on, when a column is shuffled:

found = permutation_importance(model, X_test, y_test, n_repeats=30, random_state=0)
order = found.importances_mean.argsort()
fig, ax = plt.subplots(layout="constrained")
ax.boxplot(found.importances[order].T, orientation="horizontal", tick_labels=X.columns[order])
ax.set_xlabel("accuracy lost")

# %%
# How the prediction depends on them
# ----------------------------------
#
# The mean probability of the first grower, where one column has been set to a value in all rows:

fig, ax = plt.subplots(figsize=(8, 3.5), layout="constrained")
PartialDependenceDisplay.from_estimator(
    model, X_train.astype(float), list(X.columns[order[:-4:-1]]), target=0, ax=ax, n_cols=3
)

# %%
# What the hidden layer sees
# --------------------------
#
# The last hidden layer has two units, in which the output layer separates the growers by lines.

features = MinNetTransformer(network).fit(scaler.transform(X_train), y_train)
H = features.transform(scaler.transform(X_test))
output = MinNetClassifier(layers=[], solver="lbfgs").fit(H, y_test)
display = DecisionBoundaryDisplay.from_estimator(output, H, response_method="predict", alpha=0.3)
display.ax_.scatter(H[:, 0], H[:, 1], c=y_test, edgecolor="k")
display.ax_.set(xlabel="unit 0", ylabel="unit 1")

# %%
# How it came about
# -----------------
#
# ``X_val`` is watched, and changes nothing.

held = {"X_val": scaler.transform(X_test), "y_val": y_test}
network.fit(scaler.transform(X_train), y_train, **held)
LossCurveDisplay.from_estimator(network)
plt.show()
