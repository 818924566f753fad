"""LM Studio: its folder, as of all that are found, and its server, which loads, answers and fetches.

The folder is the list wherever it is on this machine, whether the server runs or not; the server knows models by keys
of its own, so the two are matched by what both tell of a model.
"""
