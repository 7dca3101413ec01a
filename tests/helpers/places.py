"""Where tests find what they read."""

from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
DATA = CHECKOUT / "tests" / "data"
STUDIES = CHECKOUT / "workflows" / "studies"
