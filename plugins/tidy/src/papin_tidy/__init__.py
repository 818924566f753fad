"""Cleanup policies for papin: what may go, and why."""
