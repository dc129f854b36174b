"""The database, the only place a run lives and the only channel between a worker and a page."""
