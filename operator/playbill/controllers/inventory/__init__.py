"""What the operator knows: objects, repositories, and what each object asks."""
