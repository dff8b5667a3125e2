"""Who would benefit, and by how much: benefit draws, the currency of decisions, and the learners that make them."""
