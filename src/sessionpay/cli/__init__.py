"""The terminal: commands that read and move money, one file for each group of them."""
