"""The HTTP API of papin, with server-sent events."""
