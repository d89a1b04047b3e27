"""The backfill: years of windows, as a state machine drives the exporter through them."""
