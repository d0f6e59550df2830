"""References: what predicts a hidden label from its crop by correlation alone."""
