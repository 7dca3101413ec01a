"""What is asked: whatever people write in `workflows/`."""
