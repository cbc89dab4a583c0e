"""Models that look at pictures: cards, families, prediction, embedding, the zoo."""
