"""The article's claims, one by one: what each says, which runs it needs, and what was measured. Never streamlit.

Reading order: findings (what a rule answers), evidence (which runs a claim needs, and tables of what was measured),
reading (how rules read them), rules_of_codes, rules_of_steps and rules_of_sampling (from tables to a badge), claims
(the registry), kept (what a store holds for them, and what is lacking), picture.
"""
