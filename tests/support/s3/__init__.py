"""A small S3 server in memory, with a settable clock and fault injection.

It implements what the exporter uses, including conditional writes and versions. It checks no
signatures: permissions and presigned links are tested against other servers.
"""
