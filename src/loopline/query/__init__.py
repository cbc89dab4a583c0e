"""The query language and views.

parse.py      text to tree (kernel/expr.py)           builder.py   F, the same tree from Python
names.py      what a name stands for                  functions.py the closed set of functions
check.py      tree to a checked expression (bound.py), with every fault found before running
compile.py    a checked expression to SQL with bound parameters
ops.py        the steps of a view as values, text, JSON          plan.py   the steps to SQL
view.py       View and ObjectView; columns.py, summary.py, export.py, cache.py, run.py answer them
engine.py     what is asked of the store
"""
