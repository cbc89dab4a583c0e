"""Which pictures and objects matter: alike, doubled, odd, typical, worth labelling. Pure functions over vectors and columns."""
