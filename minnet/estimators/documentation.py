"""Where the page of an estimator is: scikit-learn's diagrams link to it."""

__all__ = ["DOCUMENTATION", "DocumentedMixin"]

#: The address of the documentation.
DOCUMENTATION = "https://minnet-learn.github.io/minnet"


class DocumentedMixin:
    """Mixin of the estimators, before scikit-learn's ``BaseEstimator``, whose diagram asks for these."""

    _doc_link_module = "minnet"
    _doc_link_template = f"{DOCUMENTATION}/generated/minnet.{{estimator_name}}.html"
