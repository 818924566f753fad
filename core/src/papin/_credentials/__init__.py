"""Credentials: the user's tokens, one for each server, and where they are kept.

`_environment` reads the variables, `_file` the file that only the user can read, `_keyring` the system's keyring where
there is one. No text that this package makes quotes a token. `papin.credentials` puts them together.
"""
