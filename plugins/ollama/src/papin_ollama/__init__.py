"""Ollama for papin: lists, runs, pulls and shares its models, and resolves those of its registry."""
