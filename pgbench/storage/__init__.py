"""What is on disk: formats, and files that are whole or not there."""
