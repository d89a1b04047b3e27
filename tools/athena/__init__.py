"""What Athena needs beside the tables of the reports, generated from athena/ and the catalogue."""
