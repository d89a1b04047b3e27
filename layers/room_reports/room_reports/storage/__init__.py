"""The bucket: keys, listing, and reading and writing objects. Does not depend on Kaltura."""
