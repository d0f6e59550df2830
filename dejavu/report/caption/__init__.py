"""What the report says of the caption lane."""
