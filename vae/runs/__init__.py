"""Runs: where they are stored, how one is carried out, and who carries out which."""
