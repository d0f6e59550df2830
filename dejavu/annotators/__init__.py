"""What sees tags in crops and objects in images, and tables of what others saw."""
