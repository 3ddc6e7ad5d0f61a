"""Data for experiments on deep networks: Shapeset-3x2, and the sets of Glorot & Bengio (2010).

``make_shapeset``, ``ShapesetStream``
    Shapeset-3x2: endlessly many images of one or two shapes, made as they are needed.
``fetch_mnist``, ``fetch_cifar10``
    From OpenML, by scikit-learn.
``load_mnist``, ``load_cifar10``, ``load_idx``
    From files in the formats in which their authors give them away.
``load_image_folder``
    Small grey images from a folder with a subfolder for each class.
``load_digits_splits``
    scikit-learn's digits, where the sets above are not at hand.
``make_toy_data``
    Circles, moons, spirals and the like in the plane, on which one sees a network learn.
``ImageGridDisplay``
    Images with their labels, drawn.
"""

from minnet.datasets.cifar10 import fetch_cifar10, load_cifar10
from minnet.datasets.digits import load_digits_splits
from minnet.datasets.display import ImageGridDisplay
from minnet.datasets.image_folder import load_image_folder
from minnet.datasets.mnist import fetch_mnist, load_idx, load_mnist
from minnet.datasets.shapeset import SHAPESET_CLASSES, ShapesetStream, make_shapeset
from minnet.datasets.toy import make_toy_data

__all__ = [
    "SHAPESET_CLASSES",
    "ImageGridDisplay",
    "ShapesetStream",
    "fetch_cifar10",
    "fetch_mnist",
    "load_cifar10",
    "load_digits_splits",
    "load_idx",
    "load_image_folder",
    "load_mnist",
    "make_shapeset",
    "make_toy_data",
]


def __dir__() -> list[str]:
    return __all__
