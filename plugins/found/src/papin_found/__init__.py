"""Finds the models that other programs keep on this machine, in place and without changing anything of theirs."""
