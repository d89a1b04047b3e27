"""A small S3 in memory, with a clock that can be set and faults: for tests that live through years.

It has what the exporter uses, conditional writes and versions included, and checks no signature:
permissions and links are tested against other servers.
"""
