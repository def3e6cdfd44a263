"""Hearing of changes, and queueing whom they concern."""
