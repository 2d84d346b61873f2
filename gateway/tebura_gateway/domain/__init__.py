"""The rules of the shop, pure: no clock, no database, no network; times and facts come in."""
