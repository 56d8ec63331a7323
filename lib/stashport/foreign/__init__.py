"""Other systems, one a file: each is read into our records."""
