"""What scripts/prompts.py is made of: its commands, where prompts come from, and how changes are shown."""
