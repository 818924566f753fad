"""Reads GGUF and legacy GGML model files for papin."""
