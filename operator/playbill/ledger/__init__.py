"""The ledger: what the annotated tags of a repository say, and what to write next. Pure."""
