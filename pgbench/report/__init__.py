"""What people see: pages, tables, citations, tracking."""
