"""Who is looking, and what they may change."""
