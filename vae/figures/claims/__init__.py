"""Small figures of the article's claims: what a room looks at beside the question."""
