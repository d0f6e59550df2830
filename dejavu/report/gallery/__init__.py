"""The galleries of the report page: the samples behind the numbers, with their pictures."""
