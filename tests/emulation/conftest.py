"""Programs of `make aarch64`, not tests."""

collect_ignore_glob = ["*.py"]
