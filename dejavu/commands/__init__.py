"""The commands of `dejavu`, one module each: read options, call the library, show what it returns."""
