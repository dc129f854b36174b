"""Measures on trained models: arrays in, arrays and DataFrames out. Knows nothing of runs, pages or figures."""
