"""Files of a project that people and programs may have spoilt, and what is said of them."""
