"""What only a deployment on AWS can tell, and is assumed until then.

docs/cost.md and docs/provider.md name each of these as an assumption.
"""

START_SECONDS = 1.0
"""The start of a function in a new environment."""
S3_SECONDS = 0.05
"""One request to S3."""
KALTURA_SECONDS = 10.0
"""One report call."""
API_SECONDS = 0.5
"""One invocation of the downloads function."""
YEARS_KEPT = 3
"""The files of so many years are in the bucket."""
