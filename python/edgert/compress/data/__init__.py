"""Samples: read from files, dealt out to roles, and looked at."""
