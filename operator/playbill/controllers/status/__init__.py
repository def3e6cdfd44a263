"""What statuses say, from what is known. Pure."""
