"""The source: Kaltura's sessions, reports, dialect and faults. Knows nothing of S3."""
