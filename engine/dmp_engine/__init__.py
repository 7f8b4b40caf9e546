"""The DMP engine: runs in its own Python, with torch. Hosts talk to it, never import it."""
