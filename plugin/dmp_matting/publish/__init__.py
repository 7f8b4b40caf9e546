"""Publishing with pyblish, which only headless.py and plugins/ import."""
