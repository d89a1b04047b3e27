"""The client of Kaltura's API: sessions, reports and errors. Does not depend on S3."""
