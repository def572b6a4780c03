"""The only SQL: events as they were logged, and what follows from them."""
