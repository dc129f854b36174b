"""The article's claims on pages: what there is for each, a small experiment, and all of them as one picture."""
