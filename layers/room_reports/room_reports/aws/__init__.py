"""AWS: clients of its services, and the secret. Does not depend on Kaltura or the bucket."""
