"""The demo: a real DVC project, a git server, a cluster, and one story about them.

`python -m examples.demo up` tells it, `down` takes away what it brought. Everything that it
applies lies in `examples/` and can be applied by hand; what it makes lies in `.local/demo/`.
"""
