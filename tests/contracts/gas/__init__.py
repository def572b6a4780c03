"""What each call costs, and that it stays so."""
