"""From score tables to what people read: results, metrics, tables and a summary."""
