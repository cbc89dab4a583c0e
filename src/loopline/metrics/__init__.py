"""Numbers one can trust, down to each object, and what to fix next. One file a task; ask `registry` for a metric by name."""
