"""From tables to drawings: no files."""
