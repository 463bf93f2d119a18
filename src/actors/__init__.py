"""An actor runtime on trio; see README.md beside this file."""
