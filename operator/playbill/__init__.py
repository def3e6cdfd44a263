"""Playbill: a git-backed model registry for Kubernetes."""

__version__ = "0.1.0"
