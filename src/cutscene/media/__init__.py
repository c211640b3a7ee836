"""What is done to pixels: probe, encode, conform, measure loops, prepare pictures. No network, no database."""
