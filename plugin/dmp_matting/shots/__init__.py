"""Shots: sequences of frames, what is up to date, and running them. Standard library only."""
