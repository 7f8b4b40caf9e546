"""The posterior of alpha and foreground of one frame, given the plate and its clean plate.

Start reading at pair_solution.py.
"""
