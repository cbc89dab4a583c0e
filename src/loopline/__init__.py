"""Loopline: the whole life of a picture or video data set in one place."""
