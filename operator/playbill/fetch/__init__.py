"""`playbill fetch`: the program of the init container that brings an artifact into a volume."""
