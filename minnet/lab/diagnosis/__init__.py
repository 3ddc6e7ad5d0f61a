"""What is wrong with a network, in sentences, and what to change: tried before it is said.

Read in this order: ``case`` (what is looked at), ``check`` (what a check is), then the checks by what
they are about, most serious first: ``inputs``, ``architecture``, ``signals``, ``linearity``,
``outlying_targets``, ``targets``, ``penalties``, ``steps``; of fits ``noise``, ``imbalance``,
``outcome``, ``held_out``; ``planned`` (the training that a model is set to), ``remedy`` (a change that
can be made), ``trial`` (a short training), ``proof`` (which remedies help), ``examination`` (all of it).
"""

# The order of these is the rank of their findings.
from minnet.lab.diagnosis import inputs, architecture, signals, linearity  # noqa: F401, I001
from minnet.lab.diagnosis import outlying_targets, targets  # noqa: F401
from minnet.lab.diagnosis import penalties, steps, noise, imbalance, outcome, held_out  # noqa: F401
from minnet.lab.diagnosis.examination import diagnose
from minnet.lab.diagnosis.remedy import Remedy
from minnet.lab.diagnosis.report import Finding, Report

__all__ = ["Finding", "Remedy", "Report", "diagnose"]
