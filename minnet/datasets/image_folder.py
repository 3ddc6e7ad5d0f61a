"""Small grey images from a folder with a subfolder for each class."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from minnet.common.checks import check_dtype, check_path, check_whole
from minnet.common.extras import import_extra
from minnet.common.types import Array, DTypeLike
from minnet.datasets._splits import DTYPES

__all__ = ["load_image_folder"]

_SUFFIXES = (
    ".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"
)  # fmt: skip
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_MOST_PIXELS = 1 << 26  # of an image in a file


def load_image_folder(
    folder: str | os.PathLike[str], *, size: int = 37, dtype: DTypeLike = "float32"
) -> Bunch:
    """Load small grey images from a folder with one subfolder for each class.

    Glorot & Bengio (2010) used 37 x 37 grey images of ten classes, chosen from ImageNet, which are not
    public. This reads what stands in for them: any pictures, sorted into subfolders.

    Each image is turned upright, where its camera noted that it is not, and to grey (ITU-R 601-2: 0.299
    red + 0.587 green + 0.114 blue; transparency is ignored). The largest square in its middle is resized
    by Pillow's Lanczos filter.

    Parameters
    ----------
    folder : path
        Its subfolders are the classes, in the order of their names; what begins with a dot is left out. Of
        a subfolder the files ``.png``, ``.jpg``, ``.webp`` and the like are read, in the order of their
        names.
    size : int, default=37
        Pixels of a side.
    dtype : {"float32", "float64", "uint8"}, default="float32"
        uint8: greys 0 to 255. Otherwise they are divided by 255.

    Returns
    -------
    images : :class:`sklearn.utils.Bunch`
        ``data`` (n_samples, size * size), ``target`` (n_samples,), int64, ``target_names``, the names of
        the subfolders, and ``filenames``. :func:`sklearn.model_selection.train_test_split` makes parts
        of it.

    Raises
    ------
    FileNotFoundError
        If the folder is not there.
    ValueError
        If it has fewer than two classes, a class has no image, or a file cannot be read as an image.
    ImportError
        If Pillow is missing: ``pip install 'minnet-learn[images]'``.
    """
    Image = import_extra(
        "PIL.Image", "load_image_folder needs Pillow: pip install 'minnet-learn[images]'"
    )
    size = check_whole("size", size, high=4096)
    dtype = check_dtype(dtype, DTYPES)
    folder = Path(check_path("folder", folder))
    if not folder.is_dir():
        raise FileNotFoundError(
            f"folder must be a folder with a subfolder for each class, got {str(folder)!r}"
        )
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    if len(classes) < 2:
        raise ValueError(
            f"{folder} must have two classes or more as subfolders, got {len(classes)}"
        )
    files, target = [], []
    for label, subfolder in enumerate(classes):
        found = sorted(
            path
            for path in subfolder.iterdir()
            if path.suffix.lower() in _SUFFIXES and path.name[0] != "." and path.is_file()
        )
        if not found:
            raise ValueError(f"{subfolder} must have images, got no file that ends in one of "
                             f"{', '.join(_SUFFIXES)}")  # fmt: skip
        files += found
        target += [label] * len(found)
    pixels = np.empty((len(files), size * size), np.uint8)
    for row, path in zip(pixels, files, strict=True):
        row[:] = _small(Image, path, size)
    return Bunch(
        data=pixels if dtype == np.uint8 else (np.arange(256) / 255).astype(dtype)[pixels],
        target=np.array(target, np.int64),
        target_names=np.array([path.name for path in classes]),
        filenames=np.array([str(path) for path in files]),
    )


def _small(pillow: Any, path: Any, size: int) -> Array:
    """Return the pixels of the grey square of a file."""
    from PIL import ImageOps

    try:
        with pillow.open(path, formats=_FORMATS) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise ValueError(f"it has {image.width} x {image.height} pixels")
            if image.mode[0] in "IF":
                raise ValueError("it has more than 8 bits a channel")
            upright = ImageOps.exif_transpose(image)
            grey = upright.convert("RGB" if upright.mode == "P" else upright.mode).convert("L")
            side = min(grey.size)
            left, top = ((length - side) // 2 for length in grey.size)
            square = grey.crop((left, top, left + side, top + side))
            square = square.resize((size, size), pillow.Resampling.LANCZOS)
            return np.asarray(square).ravel()
    except (
        OSError,
        SyntaxError,
        ValueError,
        ArithmeticError,
        pillow.DecompressionBombError,
    ) as error:
        raise ValueError(
            f"{path} must be an image of at most {_MOST_PIXELS} pixels, 8 bits a channel, got: {error}"
        ) from error
