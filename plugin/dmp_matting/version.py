"""The release of DMP: one number for the client, the engine and both hosts."""

__version__ = "0.1.0"
