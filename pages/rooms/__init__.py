"""A class that answers: what phones fetch, the invitation, and the panel on the projector."""
