"""Words: counts, lists, signs, durations, and somebody else's text as text."""
