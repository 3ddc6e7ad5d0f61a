"""How an estimator's arguments and callbacks are kept, listed and set."""

from __future__ import annotations

from typing import Any, Self

from minnet.common.entry import KnownKeywords, entry
from minnet.common.sklearn_versions import is_told_of_tasks
from minnet.estimators.arguments import check_arguments, defaults_of
from minnet.estimators.nested_parameters import changed_parts, nested_parameters
from minnet.training.callback import Callback, as_callback

__all__ = ["ParametersMixin"]


class ParametersMixin(KnownKeywords):
    """Mixin of the estimators, before those of scikit-learn."""

    def _store(self, arguments: dict[str, Any]) -> None:
        """Keep the arguments of ``__init__`` as they are, each under its name.

        They are the local variables there, besides ``self`` and the class that ``super()`` is about. A
        class of the user's own may have others.
        """
        del arguments["self"]
        arguments.pop("__class__", None)
        self.__dict__.update(arguments)

    @classmethod
    def _get_param_names(cls) -> list[str]:
        # scikit-learn looks at the signature in each fit.
        return sorted(defaults_of(cls))  # type: ignore[arg-type]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the arguments by name.

        A subclass may have arguments of its own in ``__init__``. Where it takes ``**others`` and hands
        them on, those of its base are its arguments, too.

        Parameters
        ----------
        deep : bool, default=True
            Also those of the objects among them, joined by two underscores: ``init__gain``,
            ``layers__0__units``.

        Returns
        -------
        dict
        """
        params = super().get_params(deep)  # type: ignore[misc]
        return nested_parameters(params) if deep else params

    @entry
    def set_params(self, **params: Any) -> Self:
        """Set arguments by the names that :meth:`get_params` gives them, all or none.

        An object of which a parameter is set (``init__gain=2``) is replaced by a copy that has it, since
        other estimators may share the object.

        Parameters
        ----------
        **params : dict
            New values, by names of :meth:`get_params`.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If there is no such argument, or if an object cannot have what is given.

        Examples
        --------
        >>> from minnet import Dense, MinNetClassifier
        >>> clf = MinNetClassifier(layers=[Dense(5, "tanh"), Dense(5, "tanh")])
        >>> clf.set_params(layers__0__units=9).layers
        [Dense(9, activation=Tanh()), Dense(5, activation=Tanh())]
        """
        for name, value in changed_parts(self.get_params(deep=False), params, self).items():
            setattr(self, name, value)
        return self

    def set_callbacks(self, *callbacks: Any) -> Self:
        """Set what watches the fits, in the place of what did: :doc:`/callbacks`.

        ``fit`` and ``fit_stream`` call them. ``partial_fit``, which is one step of a loop of yours, does
        not, and warns of it.

        Parameters
        ----------
        *callbacks : Callback, callback of scikit-learn or callable
            None at all takes away those there are. A function is called with the trainer after each epoch,
            and ends the fit by returning True.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If one is none, such as a class or a list of callbacks.

        Examples
        --------
        >>> from minnet import MinNetClassifier
        >>> clf = MinNetClassifier().set_callbacks(lambda trainer: trainer.n_epochs == 3)
        >>> clf.fit([[0.0], [1.0]], ["a", "b"]).n_iter_
        3
        """
        return super().set_callbacks(  # type: ignore[misc]
            *map(_as_fit_callback, callbacks)
        )

    def _validate_params(self) -> dict[str, Any]:
        return check_arguments(self)


def _as_fit_callback(given: Any) -> Any:
    """Return a callback of scikit-learn's protocol, of which minnet's are, too."""
    if isinstance(given, list | tuple):
        raise TypeError(
            "callbacks must be given one by one, as set_callbacks(first, second), got a "
            f"{type(given).__name__} of {len(given)}"
        )
    if is_told_of_tasks(given, Callback):
        return given
    return as_callback(given, "callbacks")
