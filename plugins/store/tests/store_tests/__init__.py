"""Tests of papin-store."""
