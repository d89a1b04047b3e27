"""Plots."""

PLOTS = {}


def write(a, b): ...
