"""The operator's command, ``room-reports``: one module per subcommand, beside the library."""
