"""Measurements of minnet beside its peers: README.md says how to take them."""
