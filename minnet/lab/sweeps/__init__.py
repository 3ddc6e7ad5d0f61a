"""Grids of trainings, with seeds: ``sweep`` and what it needs, in the order to read it.

``grid``, ``models`` (from settings to a model), ``data``, ``training`` (one row), ``running`` (several at
once), ``journal`` (the file), ``sweep`` (all of it), ``result``.
"""
