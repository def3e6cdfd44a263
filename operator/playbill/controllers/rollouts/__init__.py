"""Rollouts: what an assignment has in the cluster, from its rendering to its end."""
