"""The routes, a file for each group of operations; each route renders one operation and decides nothing."""
