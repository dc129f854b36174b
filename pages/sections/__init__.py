"""What one lesson uses: a folder for each page. No page imports another's."""
