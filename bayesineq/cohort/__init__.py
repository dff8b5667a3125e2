"""Who is in it: segments of people with like need and like benefit."""
