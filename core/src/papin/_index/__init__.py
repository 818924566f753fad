"""The index of what the catalogs have: one SQLite file that is searched without them, and can be made anew from them.

It stands beside the registry and not in it: what it holds is large and can be fetched again, so it is neither backed up
nor checked, waits for no disk, and is thrown away when it is damaged or of another version. Each catalog's entries and
the state of its last refresh change in one transaction. Entries of the same model, in whichever catalogs, share a card.
"""
