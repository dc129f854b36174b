"""Addresses that fix what a page shows: a run's own link, and a teacher's, which also fixes how it is looked at."""
