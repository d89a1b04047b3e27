"""The downloads API: HTTP requests, from the query parameters to the presigned link."""
