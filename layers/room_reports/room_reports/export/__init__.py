"""Exporting: what is due, doing it, and saying what was done."""
