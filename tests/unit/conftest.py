"""Hypothesis, set up for machines that do much else at the same time."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
