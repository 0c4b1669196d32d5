"""Scrip: the credits backend for apps that sell AI generations."""

VERSION = "0.1.0"
