"""From blocks to numbers: no words, no drawing."""
