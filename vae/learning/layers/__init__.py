"""What networks are made of: steps in words, counted and built one by one."""
