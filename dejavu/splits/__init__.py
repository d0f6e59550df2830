"""Give every sample one role, and keep duplicates together."""
