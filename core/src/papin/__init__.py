"""papin: finds, downloads, organises, runs and cleans up local LLM models.

This package is the kernel. Nothing is imported here, so that a command pays only for what it uses: import
the page that you need, for example `from papin.errors import PapinError`.
"""
