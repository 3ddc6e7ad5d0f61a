"""Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks".

Its experiments again, on the data that the paper made for them, Shapeset-3x2. From the checkout's root:

``python -m examples.glorot2010.runs``
    The long trainings of Table 1, several side by side, each resumed after a kill.
``python -m examples.glorot2010.table1``
    The table, Figure 11 and the ranking (claim C9) from the curves that these left.
``python -m examples.glorot2010.figures``
    The other figures, verdicts on the paper's claims, and a report; ``make paper`` does it.
"""
