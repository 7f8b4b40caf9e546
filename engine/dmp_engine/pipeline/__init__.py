"""One frame: files to tensors, the solve, one multi-layer EXR."""
