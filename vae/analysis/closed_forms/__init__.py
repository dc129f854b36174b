"""Answers that theory knows, beside what is trained."""
