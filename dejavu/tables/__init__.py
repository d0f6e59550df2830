"""Tables: their schemas, how they are read and written, and the SQL over them."""
