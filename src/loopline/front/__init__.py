"""The verbs of a data set in one place: what Python users, the command line and the server call."""
