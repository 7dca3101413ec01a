"""Which definitions a job reaches, found by following the names in the code; nothing is imported for it."""
