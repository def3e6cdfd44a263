"""Telling what runs, and whose it is."""

from deploy.local import ownership
from deploy.local.cluster import read_facts
from deploy.local.layout import State, is_root
from deploy.local.processes import Processes

DOWN = 3  # as the status verb of an init script says it


def show(state: State) -> int:
    """Print one line for each process; 0 if the cluster is up, 3 if it is not whole."""
    other = ownership.held_by_other(state) if is_root() else None
    if other:
        print(f"the cluster that runs here is that of {other.checkout} (data: {other.state})")
        return DOWN
    processes = Processes(state.pids, state.log, "")
    names = processes.names()
    records = {name: processes.running(name) for name in names}
    for name, record in records.items():
        print(f"{name:24}{f'pid {record.pid}' if record else 'not running'}")
    facts = read_facts(state)
    if not facts or not names or not all(records.values()):
        print("the cluster is not up: `make cluster` brings it up, or repairs it")
        return DOWN
    node = facts["node"] or "none (not root)"
    print(f"API server {facts['api']}, node {node}, simulated nodes {facts['kwokNodes']}")
    return 0
