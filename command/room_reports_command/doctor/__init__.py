"""``room-reports doctor``: the checks of a deployed stack, as data, and the command that runs them.

check            what a check is, and what it returns
examination      what the checks look at, read once
stack_checks     the stack as it is deployed
bucket_checks    its bucket
kaltura_checks   each Kaltura region
athena_checks    what only the real AWS can tell: Glue and Athena
aws_checks       S3 and IAM
link_checks      the HTTP API and its links
backfill_checks  the state machine
key_checks       the operator's own KMS key
access_log_checks    the log of who read what
permissions      what the policies of a role allow
command          the subcommand
"""

from room_reports_command.doctor.command import CHECKS, doctor

__all__ = ["CHECKS", "doctor"]
