"""papin in the whole terminal, with Textual.

Only `plugin` is a public module; it is light, and everything else is imported when `papin tui` runs.
"""
