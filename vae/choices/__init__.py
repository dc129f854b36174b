"""What may be chosen: one registry for each idea, a dict from name to entry.

An entry holds all that differs between it and its neighbours: what people read and what is computed. Form, command
line, links, tables, the browser and exported files read the entry, so a new one is one entry. Pages are drawn from
these words before torch is there: functions that compute import it when they are called.
"""
