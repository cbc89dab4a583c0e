"""Routes, one file an area: each parses, calls one function, and gives what it got."""
