"""The model: reports, regions, windows, and how final an export is. Pure data and functions."""
