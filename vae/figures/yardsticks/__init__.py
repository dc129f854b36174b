"""Figures of yardsticks."""
