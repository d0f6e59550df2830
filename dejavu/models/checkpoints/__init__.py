"""Open checkpoint files of known layouts without executing anything in them."""
