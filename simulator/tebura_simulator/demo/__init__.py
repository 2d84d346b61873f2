"""The demo's store, its scenarios and their footage."""
