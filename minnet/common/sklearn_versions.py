"""What minnet does in the place of what older versions of scikit-learn lack.

Each part says with which version that came: where it is the oldest that minnet supports, the part goes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Self

import sklearn

__all__ = ["SKLEARN", "CallbackSupportMixin", "is_told_of_tasks", "with_callbacks"]

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
        """Mixin of an estimator that keeps callbacks, all of them minnet's own, and gives them to clones."""

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
