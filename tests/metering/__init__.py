"""Tests of usage coming in."""
