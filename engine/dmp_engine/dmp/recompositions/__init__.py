"""An untrained network fitted to one pair: it learns the model's errors on recompositions."""
