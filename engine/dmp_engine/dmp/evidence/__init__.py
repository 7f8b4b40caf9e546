"""What a pixel of the pair says about its alpha: one file a source of evidence."""
