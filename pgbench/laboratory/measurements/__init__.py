"""One file for each measurement of the catalogue, with the functions `measure` and `draw`."""
