"""Numbers of papers and closed forms, held against what this program measures: `python -m vae benchmark-papers`."""
