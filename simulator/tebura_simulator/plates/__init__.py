"""What the plates of a store feel while a scenario happens: counts as a converter gives them."""
