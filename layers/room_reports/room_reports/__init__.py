"""The library of the Kaltura Room report exporter and its downloads API."""
