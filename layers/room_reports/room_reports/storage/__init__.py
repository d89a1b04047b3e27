"""The lake: keys, listing and publishing in the bucket. Knows nothing of Kaltura."""
