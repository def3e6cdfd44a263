"""Pure rendering and judging of workloads: what a stage should run, and how it fares."""
