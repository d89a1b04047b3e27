"""The demo: run the main job end to end on this machine, and check everything it shows."""
