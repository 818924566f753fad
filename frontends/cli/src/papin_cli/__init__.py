"""The command line of papin."""
