"""A simulated Kaltura: a generated university behind the API that the exporter talks to."""
