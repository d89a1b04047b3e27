"""Downloads: what readers ask for over HTTP, from the query to the presigned link."""
