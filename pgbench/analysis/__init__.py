"""From finished blocks to tables, figures and pages; no tensor library is imported."""
