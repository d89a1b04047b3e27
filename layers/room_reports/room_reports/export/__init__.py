"""The exporter: planning what is due, exporting it, and recording the result."""
