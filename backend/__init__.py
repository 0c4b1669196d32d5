"""Scrip: the credits backend for apps that sell AI generations."""
