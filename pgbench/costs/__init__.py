"""What training costs: measured, modelled, and said."""
