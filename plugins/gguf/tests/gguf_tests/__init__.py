"""Tests of papin-gguf."""
