"""What a method is, as a value. This room imports `base` only; it knows no tensors and no files.

Read `lineage.py` first.
"""
