"""Public data sets that Loopline knows by name: what they are, and taking one."""
