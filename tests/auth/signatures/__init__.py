"""Tests of auth/signatures."""
