"""Content-addressed storage for papin: every model file once, by SHA-256."""
