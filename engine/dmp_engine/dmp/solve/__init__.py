"""From evidence to alpha and foreground of a single frame."""
