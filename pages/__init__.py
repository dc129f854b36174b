"""The dashboard: a file for each lesson, read from top to bottom, and rooms for what they share. `vae` has the work.

sections/ is what one page uses, a folder each; shared/ what several use; state/ what the server keeps for everybody;
visitors/ who is looking and what they may change; text/ words; components/ what runs in the browser.
"""
