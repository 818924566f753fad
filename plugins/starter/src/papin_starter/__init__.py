"""A small catalog of models to start with, for papin."""
