"""The pyblish plug-ins: collect, validate, extract, validate, integrate."""
