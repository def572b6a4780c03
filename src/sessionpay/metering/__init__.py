"""Usage coming in: files of usage rows, read, checked and cut into epochs."""
