"""Pure data and time: reports, regions, windows, and how final an export is."""
