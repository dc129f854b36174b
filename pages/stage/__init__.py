"""The stage: a run's spaces, pictures and curves, which the browser draws. What it fetches, and the page around it."""
