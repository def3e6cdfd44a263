"""Passes over one repository: read, plan, reserve, push, tell."""
