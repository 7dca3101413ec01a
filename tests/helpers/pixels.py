"""Figures as pixels, to see what is drawn."""

import io

import matplotlib
import matplotlib.image
import numpy as np
from numpy.typing import NDArray

from pgbench.figures import style


def pixels(figure: matplotlib.figure.Figure) -> NDArray[np.float32]:
    """A figure after it was rendered, as red, green and blue from 0 to 1."""
    style.render(figure)
    saved = io.BytesIO()
    with matplotlib.rc_context(style.STYLE):
        figure.savefig(saved, format="png", dpi=style.DOTS_PER_INCH)
    return np.asarray(matplotlib.image.imread(io.BytesIO(saved.getvalue())))[..., :3]
