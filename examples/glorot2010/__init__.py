"""Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks".

Its experiments again, on the data that the paper made for them, Shapeset-3x2. From the checkout's root:

``python -m examples.glorot2010.runs``
    Table 1: the long trainings, several side by side, each resumed after a kill.
"""
