"""Prompts without a server: the optimiser and the documents that move between environments."""
