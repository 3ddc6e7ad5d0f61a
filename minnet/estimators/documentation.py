"""Where the page of an estimator is: scikit-learn's diagrams link to it."""

from typing import Any

__all__ = ["DOCUMENTATION", "DocumentedMixin"]

#: The address of the documentation.
DOCUMENTATION = "https://minnet-learn.github.io/minnet"


class DocumentedMixin:
    """Mixin of the estimators, before scikit-learn's ``BaseEstimator``, whose diagram asks for these."""

    _doc_link_module = "minnet"
    _doc_link_template = f"{DOCUMENTATION}/generated/minnet.{{estimator_name}}.html"

    def _get_params_html(self, deep: bool = True, *args: Any, **kwargs: Any) -> Any:
        """Return the arguments for the diagram's table; those of each layer would be hundreds of rows."""
        return super()._get_params_html(False, *args, **kwargs)  # type: ignore[misc]
