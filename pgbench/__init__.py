"""pgbench: a laboratory that replicates the policy-gradient literature."""
