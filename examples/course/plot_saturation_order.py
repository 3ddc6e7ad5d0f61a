r"""
Which layer saturates first?
============================

**Outcome.** With the sigmoid the top layer saturates at once, at 0, and nothing is learned; with tanh
layer after layer saturates from below, 20 % of the first and 1 % of the last; softsign's layers stay
closer together.

A unit whose output is near its bound learns slowly, since the slope :math:`f'` is near 0 there. Glorot &
Bengio (2010, section 3) watched the layers of deep networks through training on images of shapes, from
the standard initialization :math:`W \sim U(-1/\sqrt n, 1/\sqrt n)`. This is their experiment at a
hundredth of the size: images of 16 x 16 pixels, layers of 100 units, 32 000 steps of SGD with batches
of 10.

Expected:

* *sigmoid*, four layers (figure 2): at first the top layer can tell the output nothing that helps, and
  what it adds to the output only disturbs. The gradient pushes it to where it adds nothing, and for
  a sigmoid that is 0, at its bound: it saturates within a few thousand steps. The means of the layers
  below stay above 0.5, the less the lower they are. Nothing is learned but the frequencies of the classes;
* *tanh*, five layers (figure 3, top): 0 is in the middle of tanh, so pushing towards 0 does no harm.
  Saturation comes with learning, in the first layer first, then in the second, and so on;
* *softsign*, five layers (figure 3, bottom): it nears its bounds like :math:`1 / |z|`, tanh like
  :math:`e^{-2 |z|}`. Its layers saturate less, and together.
"""

import matplotlib.pyplot as plt
import numpy as np

from minnet import SGD, Dense, Network, Trainer
from minnet.lab import Probe

# %%
# The images
# ----------
# One or two objects, each a triangle, a parallelogram or an ellipse, of random size, place, direction and
# shade, light on dark or dark on light: nine classes. (In the paper the second object may hide at most
# half of the first. Here it may hide all of it.)

SIZE, CLASSES = (
    16,
    {(0,): 0, (1,): 1, (2,): 2, (0, 1): 3, (1, 2): 4, (0, 2): 5}
    | {(kind, kind): 6 + kind for kind in range(3)},
)


def draw_shapes(n, rng):
    """Return n images with pixels in [-1, 1], and their classes."""
    axis = np.arange(SIZE, dtype="float32") + 0.5
    pixels = np.stack(np.meshgrid(axis, axis)).reshape(2, -1)
    sign = rng.choice([-1, 1], size=n)  # of the background
    image = np.repeat((sign * rng.uniform(0.1, 1, n))[:, None], SIZE**2, axis=1).astype("float32")
    kinds, counts = rng.integers(0, 3, (n, 2)), rng.integers(1, 3, n)
    for k in range(2):
        rows = np.flatnonzero(counts > k)
        m = len(rows)
        corners = np.array([3, 4, 20])[kinds[rows, k], None]
        radii = np.sort(rng.uniform(0.1, 0.4, (2, m, 1)) * SIZE, axis=0)[::-1]
        centre = 0.8 * radii[0] + rng.random((2, m, 1)) * (SIZE - 1.6 * radii[0])
        x, y = (pixels[:, None] - centre).astype("float32")
        turn = np.exp(2j * np.pi * rng.random((m, 1))).astype("complex64")
        z = (x + 1j * y) * turn  # turned, squeezed to a circle, and turned to a corner
        z = z.real / radii[0] + 1j * z.imag / radii[1]
        half = np.pi / corners
        angle = (np.angle(z) + rng.uniform(-1, 1, (m, 1)) * half) % (2 * half) - half
        inside = np.abs(z) * np.cos(angle) <= np.cos(half)
        shade = -sign[rows, None] * rng.uniform(0.1, 1, (m, 1))
        image[rows] = np.where(inside, shade, image[rows])
    y = [CLASSES[tuple(sorted(kind[:c]))] for kind, c in zip(kinds, counts, strict=True)]
    return image, np.array(y)


def observe(activation, depth, seed, n_images=20_000, epochs=16):
    """Train a network; return what a probe saw on 300 other images, and the last training loss."""
    rng = np.random.default_rng(seed)
    batches = [draw_shapes(1000, rng) for _ in range(n_images // 1000)]
    X, y = map(np.concatenate, zip(*batches, strict=True))
    layers = [Dense(100, activation) for _ in range(depth)]
    network = Network([*layers, Dense(9)], init="standard")
    network.initialize(SIZE**2, random_state=seed, dtype="float32")
    probe = Probe(*draw_shapes(300, rng), steps=range(0, n_images // 10 * epochs, 1000))
    trainer = Trainer(network, SGD(0.1), batch_size=10, n_iter_no_change=epochs)
    trainer.fit(X, y, callbacks=[probe, lambda trainer: trainer.n_epochs == epochs])
    return probe.recording, trainer.loss_curve[-1]


NETWORKS = {"sigmoid": 4, "tanh": 5, "softsign": 5}
SEEDS = (0,)  # 1 and 2 give the same order
seen = {(f, seed): observe(f, NETWORKS[f], seed) for f in NETWORKS for seed in SEEDS}

# %%
# Activations by layer, through training
# --------------------------------------

fig, axes = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
colours = plt.colormaps["viridis"](np.linspace(0, 0.7, 5))
for ax, (activation, depth) in zip(axes, NETWORKS.items(), strict=True):
    recording, _ = seen[activation, 0]
    for i in range(depth):
        style = {"color": colours[i], "marker": "osD^v"[i], "markevery": 4, "label": f"{i + 1}"}
        mean, sd, p98 = (recording["Y", name][:, i] for name in ("mean", "sd", "p98"))
        ax.plot(recording.steps, mean if activation == "sigmoid" else p98, **style)
        if activation == "sigmoid":
            ax.fill_between(recording.steps, mean - sd, mean + sd, color=colours[i], alpha=0.2)
    ax.set_title(activation, loc="left", fontweight="bold")
    ax.set(xlabel="training step", ylim=(0, 1.03))
    ax.grid(alpha=0.3)
axes[0].set_ylabel("activation: mean ± standard deviation")
axes[1].set_ylabel("activation: 98th percentile")
handles, labels = axes[1].get_legend_handles_labels()
fig.legend(handles, labels, loc="outside lower center", ncols=5, title="hidden layer")
plt.show()

# %%
# Is it as expected?
# ------------------
# Saturated is a slope below 5 % of the largest.

PRIOR = np.log(6) / 2 + np.log(9) / 3 + np.log(18) / 6  # 2.110: the entropy of the classes
for seed in SEEDS:
    recording, loss = seen["sigmoid", seed]
    early, late = recording["Y", "mean"][4, :4], recording["Y", "mean"][-1, :4]
    print(
        f"seed {seed}, sigmoid: expected a top layer below 0.2 at step 4000, measured {early[3]:.2f};"
    )
    print(f"  others above 0.5, less the lower, measured {late[:3].round(2)};")
    print(f"  expected a loss of {PRIOR:.2f} ± 0.03, measured {loss:.2f}")
    assert early[3] < 0.2
    assert late[2] > late[1] > late[0] > 0.48  # the first by its inputs' mean, about 0
    assert abs(loss - PRIOR) < 0.03

    tanh, softsign = (seen[f, seed][0] for f in ("tanh", "softsign"))
    shares = tanh["saturated"][-1, :5]
    print(
        f"seed {seed}, tanh: expected layer 1 > 2 > 3 > 4, 5, measured {shares.round(3)} saturated"
    )
    assert shares[0] > shares[1] > shares[2] > max(shares[3:])

    # The fifth layer is left out: it is the one that the output pulls at.
    shares = [recording["saturated"][-1, :4] for recording in (tanh, softsign)]
    ratios = [share[0] / share[3] for share in shares]
    print(
        f"seed {seed}, softsign: expected layer 1 over layer 4 below half of tanh's {ratios[0]:.1f},"
    )
    print(f"  measured {ratios[1]:.1f}, of {shares[1].round(3)} saturated")
    assert ratios[1] < ratios[0] / 2
    largest = [recording["Y", "p98"][-1, :5].max() for recording in (tanh, softsign)]
    print(f"  expected a 98th percentile below tanh's {largest[0]:.3f}, measured {largest[1]:.3f}")
    assert largest[1] < largest[0] - 0.05

# %%
# What was seen: sigmoid and tanh as in the paper. The paper's sigmoid network leaves the plateau after
# some two million steps; these 32 000 are too few for that. Softsign's layers are closer to each other
# than tanh's, but here, too, the first is ahead: "together" is a matter of degree. On small data
# that can be learned by heart the order can be another: with the digits of scikit-learn tanh's top
# layer saturates first, in the course of driving a loss to 0 that is already small.
#
# **Next.** The chapter :doc:`/glorot2010/index` has the experiment at full length.
