"""Run the command as ``python -m room_reports_command``."""

from room_reports_command.app import main

if __name__ == "__main__":
    main()
