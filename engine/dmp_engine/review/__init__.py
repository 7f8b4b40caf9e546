"""What a person looks at: contact sheets, previews, measures, probes, clean plates as files."""
