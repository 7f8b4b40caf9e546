"""What a pixel of the pair shows of its alpha: one file a source of evidence."""
