"""Sections of the page Yardsticks, a tab each."""
