"""What is known without training, beside what was trained."""
