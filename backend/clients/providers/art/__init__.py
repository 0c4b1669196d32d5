"""How the local provider draws: palettes, scenes, and the painting that joins them."""
