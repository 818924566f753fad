"""The verbs of papin, one group a module.

Every verb is one async method that returns values and knows nothing of who asked. The rules are here and only here:
what may be removed, which provider runs a model, what a download reuses. The pure halves (plans, estimates) are
functions without I/O, beside the methods that carry them out. `Services` is what the groups share.
"""
