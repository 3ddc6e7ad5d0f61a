"""Estimators whose data are Dask's: arrays and frames whose parts lie on the workers of a cluster."""
