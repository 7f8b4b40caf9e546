"""What the neighbouring frames of a shot add: motion, triangulation, fusion."""
