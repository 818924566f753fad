"""Recommends models that fit this machine, for papin."""
