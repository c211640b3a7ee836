"""What is done to pixels: probe, encode, conform, measure, prepare. No network, no database."""
