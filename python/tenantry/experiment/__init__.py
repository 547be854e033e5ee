"""Trying the remedy of a finding: the same load without the change, with it, and without it again; always undone."""
