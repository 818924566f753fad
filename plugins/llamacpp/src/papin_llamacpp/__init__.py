"""Runs models with llama.cpp for papin, in a process of its own."""
