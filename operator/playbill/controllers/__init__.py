"""The shell: watch, queue, observe, plan, apply, status. Data flows one way."""
