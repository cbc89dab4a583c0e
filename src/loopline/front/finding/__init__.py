"""What the data say about themselves: `ds.find`, `ds.similar`."""
