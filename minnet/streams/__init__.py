"""Streams of batches from where data are: Arrow, Dask, HDF5, zarr, polars, databases."""
