"""A Kubernetes cluster from packages alone, for development, the demo and the tests.

`python -m deploy.local up` builds Kubernetes from pinned Go modules, starts it, and
gives it one real node in a network namespace of its own. Nothing here is imported by
the operator.
"""
