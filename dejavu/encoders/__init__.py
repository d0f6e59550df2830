"""Encoders under audit: made (trained or verified) by one stage, loaded by the others."""
