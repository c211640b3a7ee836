"""What is done to pixels: probe, join, loop, draw over, encode, measure. No network, no database."""
