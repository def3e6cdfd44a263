"""Reconciling one object of each kind."""
