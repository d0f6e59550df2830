"""What the report says of the image lane."""
