"""What to do: net benefit, comparison, allocation, value of information and equity, from draws of benefit alone."""
