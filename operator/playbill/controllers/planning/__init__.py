"""What a change would do, by the very functions that would do it, and without doing it."""
