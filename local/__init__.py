"""Everything that runs the system on one machine."""
