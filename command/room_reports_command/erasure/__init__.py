"""Erasure of one person's data, and a copy of it for that person."""
