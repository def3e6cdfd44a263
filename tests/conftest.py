"""Fixtures that every folder shares: the cluster under test, and nothing that starts by itself."""

pytest_plugins = ["tests.cluster.fixtures", "tests.operator.fixtures", "tests.operator.house"]
