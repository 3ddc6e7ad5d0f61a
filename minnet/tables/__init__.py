"""Tables as people have them: numbers, categories and missing values in one data frame."""

from minnet.tables.encoder import TableEncoder

__all__ = ["TableEncoder"]


def __dir__() -> list[str]:
    return __all__
