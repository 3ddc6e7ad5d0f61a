"""How measurements are said: the report and the documentation's chapter use the same words."""

import textwrap

from examples.glorot2010.claims import BRIEFLY, CLAIMS, PLACES
from examples.glorot2010.curves import duration

__all__ = [
    "NOTHING", "OUTCOME_WORDS", "claims_table", "heading", "history", "origin", "rule_words",
    "terminal_lines", "terminal_summary", "verdict_words",
]  # fmt: skip

_COLUMNS = 79  # of a terminal

#: What stands for "nothing is trained" where claims are of networks before training.
NOTHING = dict.fromkeys(("C1", "C2", "C3"), "if the two initializations are exchanged")
NOTHING |= {"C10": "if the two costs are exchanged"}

OUTCOME_WORDS = {
    "reproduced": "reproduced", "partly": "partly reproduced", "not": "not reproduced", "open": "open",
}  # fmt: skip


def heading(record):
    """Return the heading of a part's record.

    Examples
    --------
    >>> from examples.glorot2010.wording import heading
    >>> heading({"part": "6", "title": "Activations"}), heading({"part": "fixed", "title": "Errors"})
    ('Figure 6: Activations', 'Errors')
    """
    return f"Figure {record['part']}: " * record["part"].isdigit() + record["title"]


def origin(record):
    """Return a sentence on where a part's numbers are from; empty for those measured on the spot.

    Parameters
    ----------
    record : dict
        Of :func:`examples.glorot2010.figures.make`.
    """
    if record["picture"] is None:
        return record["missing"]
    said = f"From the {record['caption']}. " if record["caption"] else ""
    if record["kept"]:
        made = record["measured"]
        names = ("minnet-learn", "numpy", "scikit-learn")
        used = ", ".join(f"{name} {made['versions'][name]}" for name in names)
        said += (
            f"Drawn from a record, not measured again: {used}, on {made['machine']['processor']}, in "
            f"{duration(made['seconds'])}."
        )
    return said.strip()


def verdict_words(verdict):
    """Return a verdict's record as two texts: claim and outcome, and what was measured.

    Examples
    --------
    >>> from examples.glorot2010.claims import Verdict
    >>> from examples.glorot2010.wording import verdict_words
    >>> verdict_words(Verdict("C3", "reproduced", "0.79 and 0.49", "3 seeds").record())
    ('C3: reproduced.', '0.79 and 0.49 (3 seeds).')
    """
    return (
        f"{verdict['claim']}: {OUTCOME_WORDS[verdict['outcome']]}.",
        f"{verdict['measured']} ({verdict['basis']}).",
    )


def history(verdict):
    """Return what other rules and untrained networks say of a verdict's claim, as texts.

    Examples
    --------
    >>> from examples.glorot2010.claims import Verdict
    >>> from examples.glorot2010.wording import history
    >>> history(Verdict("C6", "partly", "", "", 1, [("within 10 %", "not", "partly")], "not").record())
    ['by an earlier rule (within 10 %): not reproduced', 'if nothing is trained: not reproduced']
    """
    said = [
        f"by an earlier rule ({rule}): {OUTCOME_WORDS[outcome]}"
        for rule, outcome, _ in verdict["earlier"]
    ]
    nothing = NOTHING.get(verdict["claim"], "if nothing is trained")
    return said + [f"{nothing}: {OUTCOME_WORDS[verdict['untrained']]}"] * bool(verdict["untrained"])


def terminal_lines(record):
    """Return what a terminal of 80 columns is told of a part's record: what was drawn, and verdicts.

    Examples
    --------
    >>> from examples.glorot2010.claims import Verdict
    >>> from examples.glorot2010.wording import terminal_lines
    >>> record = {"part": "jacobians", "title": "Singular values", "picture": "jacobians.png"}
    >>> record |= {"verdicts": [Verdict("C3", "reproduced", "0.79 and 0.49", "3 seeds").record()]}
    >>> for line in terminal_lines(record):
    ...     print(line)
    Singular values: jacobians.png
        C3: reproduced. 0.79 and 0.49 (3 seeds).
    """
    said = f"{heading(record)}: {record['picture'] or record['missing']}"
    lines = textwrap.wrap(said, _COLUMNS, subsequent_indent="  ")
    for verdict in record["verdicts"]:
        said = " ".join(verdict_words(verdict))
        lines += textwrap.wrap(said, _COLUMNS, initial_indent="    ", subsequent_indent="      ")
    return lines


def terminal_summary(records):
    """Return a line for each claim that was judged, for a terminal."""
    lines = [
        f"{line['claim']:4} {OUTCOME_WORDS[line['outcome']]:17} {line['briefly']}"
        for line in claims_table(records)
        if line["part"] is not None
    ]
    return ["", "The verdicts:", *(f"  {line}" for line in lines)] if lines else []


def rule_words(record):
    """Return by which rule the verdicts of a part's record are given.

    Examples
    --------
    >>> from examples.glorot2010.wording import rule_words
    >>> rule_words({"rule": "Its parts: a and b.", "verdicts": [{}]})
    'The rule of the verdict. Its parts: a and b.'
    """
    many = len(record["verdicts"]) > 1
    return f"The rule{'s' * many} of the verdict{'s' * many}. {record['rule']}"


def claims_table(records):
    """Return the verdict on each claim, the last one where there are several.

    Parameters
    ----------
    records : list of dict
        Of :func:`examples.glorot2010.figures.make`.

    Returns
    -------
    list of dict
        ``claim``, ``statement``, ``briefly`` (the same in a line), ``place`` (in the paper), ``outcome``
        ("open" where there is no verdict), ``measured``, ``basis``, ``seeds``, ``earlier``, ``untrained``
        and ``part`` (where it is judged).
    """
    found = {
        verdict["claim"]: verdict | {"part": record["part"]}
        for record in records
        for verdict in record["verdicts"]
    }
    none = {"outcome": "open", "measured": "", "basis": "", "seeds": 0, "part": None}
    none |= {"earlier": [], "untrained": ""}
    return [
        {"claim": claim, "statement": statement, "briefly": BRIEFLY[claim], "place": PLACES[claim]}
        | none
        | found.get(claim, {})
        for claim, statement in CLAIMS.items()
    ]
