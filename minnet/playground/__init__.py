"""A page in a browser on which one sees a network learn, or not, and touches the cause."""
