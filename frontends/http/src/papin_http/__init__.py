"""The HTTP API of papin, with server-sent events and a small JavaScript client.

Only `plugin` is a public module; it is light, and everything else is imported when `papin serve` runs.
"""
