"""The paper: initial alpha, networks, losses, Bayesian refinement (eq. 6 to 19)."""
