"""Networks of the operator's own: run, drawn, counted and checked."""
