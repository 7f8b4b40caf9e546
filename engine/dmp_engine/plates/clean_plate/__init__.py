"""The clean plate fitted to the plate: registration, exposure, residual, JPEG, shadow, checks."""
