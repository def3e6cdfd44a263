"""What every reconciler of an object works with: its parts, the judgement, the report."""
