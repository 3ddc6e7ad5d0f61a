"""What minnet does in the place of what older versions of scikit-learn lack.

Each part says with which version that came: where it is the oldest that minnet supports, the part goes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, Self

import sklearn
from sklearn.utils import validation

from minnet.common.frames import is_polars_frame

__all__ = [
    "SKLEARN", "CallbackSupportMixin", "CardMixin", "is_told_of_tasks", "validate_data", "with_callbacks",
]  # fmt: skip

#: The first two numbers of its version.
SKLEARN = tuple(map(int, sklearn.__version__.split(".")[:2]))

# ---- 1.9: scikit-learn's callbacks, which are told of each fit and each epoch as a task

if SKLEARN >= (1, 9):
    from sklearn.callback import CallbackSupportMixin, FitCallback, with_callbacks

    def is_told_of_tasks(callback: Any, own: type[Any]) -> bool:
        """Return whether a callback follows scikit-learn's protocol, as those of the class ``own`` do."""
        return isinstance(callback, FitCallback) and not isinstance(callback, type)

else:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Mixin of an estimator that keeps callbacks, all of them minnet's, and gives them to clones."""

        def set_callbacks(self, *callbacks: Any) -> Self:  # noqa: D102  # as there
            self.__dict__.pop("_skl_callbacks", None)
            if callbacks:
                self._skl_callbacks = list(callbacks)
            return self

        def __sklearn_clone__(self) -> Self:
            clone = super().__sklearn_clone__()  # type: ignore[misc]
            return clone.set_callbacks(*vars(self).get("_skl_callbacks", ()))

        def _init_callback_context(self, **task: Any) -> _NoTask:
            self._skl_callbacks_to_teardown: list[Any] = []
            for callback in vars(self).get("_skl_callbacks", ()):
                self._skl_callbacks_to_teardown.append(callback)
                callback.setup(self, None)
            return _NoTask()

    class _NoTask:
        """Stands for a task that nobody is told of."""

        def call_on_fit_task_begin(self, **data: Any) -> None:
            pass

        def call_on_fit_task_end(self, **data: Any) -> None:
            pass

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method that tears down the callbacks which it has set up, also where it fails."""

        @functools.wraps(method)
        def managed(estimator: Any, *args: Any, **kwargs: Any) -> Any:
            with ExitStack() as at_end:
                try:
                    return method(estimator, *args, **kwargs)
                finally:
                    for callback in estimator.__dict__.pop("_skl_callbacks_to_teardown", ()):
                        at_end.callback(callback.teardown, estimator, None)

        return managed

    def is_told_of_tasks(callback: Any, own: type[Any]) -> bool:
        """Return whether a callback is of the class ``own``; raise TypeError for others' and for tasks."""
        for name in ("on_fit_task_begin", "on_fit_task_end"):
            wanted = getattr(type(callback), name, None)
            if wanted is not None and wanted is not getattr(own, name):
                raise TypeError(
                    f"callbacks must have no {name} before scikit-learn 1.9, got {callback!r:.200} with "
                    f"version {sklearn.__version__}: install scikit-learn 1.9 or later for it"
                )
        return isinstance(callback, own)


# ---- 1.9: the table of fitted attributes in the card of an estimator, above which its network is drawn

if SKLEARN >= (1, 9):

    class CardMixin:
        """Nothing: ``_get_fitted_attr_html`` is called by scikit-learn."""

else:

    class CardMixin:  # type: ignore[no-redef]
        """Mixin of an estimator: what it has for that table is shown above the card."""

        def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
            return SimpleNamespace(_html_repr=str)

        def _repr_html_inner(self) -> str:
            card = super()._repr_html_inner()  # type: ignore[misc]
            return self._get_fitted_attr_html()._html_repr() + card

        def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
            bundle = super()._repr_mimebundle_(**options)  # type: ignore[misc]
            return bundle | (
                {"text/html": self._repr_html_inner()} if "text/html" in bundle else {}
            )


# ---- 1.9: names of columns by narwhals; before, by a protocol that polars 2 no longer has

if SKLEARN >= (1, 9):
    validate_data = validation.validate_data

else:

    class _Columns:
        """The names of a frame's columns, in the protocol in which scikit-learn asks for them."""

        def __init__(self, names: list[str]) -> None:
            self._names = names

        def __dataframe__(self) -> Self:
            return self

        def column_names(self) -> list[str]:
            return self._names

    def validate_data(estimator: Any, X: Any, *args: Any, reset: bool, **options: Any) -> Any:
        """Return what scikit-learn's function does; the estimator learns or compares polars' names."""
        if not is_polars_frame(X) or hasattr(X, "__dataframe__"):
            return validation.validate_data(estimator, X, *args, reset=reset, **options)
        columns = _Columns(X.columns)
        if not reset:
            validation._check_feature_names(estimator, columns, reset=False)
        known = vars(estimator).pop("feature_names_in_", None)
        checked = validation.validate_data(estimator, X, *args, reset=reset, **options)
        if reset:
            validation._check_feature_names(estimator, columns, reset=True)
        elif known is not None:
            estimator.feature_names_in_ = known
        return checked
