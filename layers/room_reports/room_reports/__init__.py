"""Exports Kaltura Room reports to S3 and hands out links to them."""
