"""The client of the engine: find it, start it, send a job, follow it. Standard library only."""
