"""pgbench: a laboratory that replicates the policy-gradient literature."""

from pgbench.notebook.calls import load_block as load_block
from pgbench.notebook.calls import load_study as load_study
from pgbench.notebook.calls import train as train

__all__ = ["load_block", "load_study", "train"]
