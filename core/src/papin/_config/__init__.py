"""The configuration's inside: reading the file and the variables, decoding a table, finding lines, writing a value.

Nothing of a file or a variable is believed before it is decoded with the Struct that it is meant for, and nothing is
written before the whole file that would result was read back and decoded.
"""
