"""The article's claims, one by one: what each says, which runs it needs, and what was measured. Never streamlit.

Reading order: findings (what a rule answers), claims (the registry), evidence (which runs and tables a claim needs),
rules (from tables to a badge).
"""
