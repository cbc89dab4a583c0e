"""The HTTP interface and the built web app: what `loopline app` starts."""
