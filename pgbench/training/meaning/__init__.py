"""What each slot means: one file a slot, mirroring `pgbench/methods/components/`."""
