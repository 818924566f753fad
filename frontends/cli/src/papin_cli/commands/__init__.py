"""The commands: each module declares its options and calls an operation; trio is imported only when one runs."""
