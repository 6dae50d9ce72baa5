"""What a sweep leaves on disk, and the table of its runs."""
