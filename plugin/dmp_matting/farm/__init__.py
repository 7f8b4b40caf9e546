"""Render farms and clusters: OpenJD job bundles, Dask."""
