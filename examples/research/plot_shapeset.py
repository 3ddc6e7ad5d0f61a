"""
Shapeset-3x2: shapes without end
================================

**Outcome.** Answering with one class errs in 83 % of the images, and Glorot & Bengio's deep sigmoid
networks ended there. The brightness of the background alone is 56 % of all variance. One hidden layer on
a stream of 150,000 images errs in 75 %.

Glorot & Bengio (2010) trained most of their networks on images made as they were needed: one or two of
three kinds of shapes, of any size, direction and place, in nine classes. No image comes twice, so
that there is no overfitting, and what a network does not learn is due to its training alone.

:func:`minnet.datasets.make_shapeset` makes them by the same rules: see :doc:`/datasets`.
"""

import matplotlib.pyplot as plt
import numpy as np

from minnet import MinNetClassifier
from minnet.datasets import SHAPESET_CLASSES, ImageGridDisplay, ShapesetStream, make_shapeset

X, y, details = make_shapeset(20_000, return_details=True)
ImageGridDisplay.from_data(X, y, target_names=SHAPESET_CLASSES)
plt.show()

# %%
# Each object has its own grey, and all of an image are brighter than the background, or all are darker.
# What is in front does not matter for the class.
#
# How often are the classes?
# --------------------------
# **Expected.** One or two objects, half each, and each of a kind in three: 1/6 for a single object of a
# kind, 1/9 for two of different kinds, 1/18 for two of one kind. So always answering with one class of
# single objects errs in 5/6 of the images, 83.3%, not in 8/9. Glorot & Bengio's sigmoid networks with
# five hidden layers ended at 82.61%: they had learned next to nothing.

frequency = np.bincount(y) / len(y)
expected = np.repeat([1 / 6, 1 / 9, 1 / 18], 3)
for name, seen, wanted in zip(SHAPESET_CLASSES, frequency, expected, strict=True):
    print(f"{name:25} {seen:.3f}, expected {wanted:.3f}")
error = np.sqrt(expected * (1 - expected) / len(y))
assert (np.abs(frequency - expected) < 4 * error).all()

# %%
# What is in the pixels?
# ----------------------
# **Expected.** The theory of initialization assumes inputs that are independent and of equal variance. The
# variance is equal, 0.37 for each pixel, since each is dark or bright half of the time. But one
# direction, the brightness of the background, should hold most of the variance: 56% of it.

variances = X.astype("float64").var(axis=0)
covariance = np.cov(X, rowvar=False)
values, vectors = np.linalg.eigh(covariance)
share = values[::-1] / values.sum()
print(f"variance of a pixel: {variances.min():.3f} to {variances.max():.3f}")
print("shares of the first components: " + ", ".join(f"{s:.3f}" for s in share[:5]))
assert np.abs(variances - 0.372).max() < 0.02
assert abs(share[0] - 0.56) < 0.015

fig, axes = plt.subplots(1, 5, figsize=(10, 2.4), layout="constrained")
limit = np.abs(vectors[:, -5:]).max()
for i, ax in enumerate(axes):
    vector = vectors[:, -1 - i].reshape(32, 32)
    image = ax.imshow(vector, cmap="PuOr", vmin=-limit, vmax=limit)
    ax.set_title(f"component {i + 1}: {share[i]:.1%}", fontsize=9)
    ax.set_axis_off()
fig.colorbar(image, ax=axes, label="weight of a pixel", shrink=0.8)
plt.show()

# %%
# Training on the stream
# ----------------------
# A stream gives the images to ``fit_stream`` batch by batch, while the training goes on. **Expected.** A
# small network leaves the line of one answer within some thousand images.

clf = MinNetClassifier(
    (100,), "tanh", init="glorot", solver="sgd", batch_size=10, momentum=0, learning_rate_init=0.05,
    n_iter_no_change=np.inf, random_state=0,
)  # fmt: skip
stream = ShapesetStream(1000, start=len(X))
clf.fit_stream(stream, n_epochs=150, batches_per_epoch=1, classes=range(9))
wrong = 1 - clf.score(X, y)  # images that it was not trained on
print(f"error after {clf.t_:,} images: {wrong:.1%}; one answer: {1 - frequency[:3].max():.1%}")
assert wrong < 0.79

# %%
# **Seen.** The classes are as frequent as they should be, the first component is the background, and a
# small network learns a part of it, slowly: shapes of any size, direction and place take more layers
# and more images.
#
# **Next.** The chapter :doc:`/glorot2010/index` has five layers and a million steps.
