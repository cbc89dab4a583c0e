"""Evaluation of label fields of a data set: read, measure, slice, store, look again."""
