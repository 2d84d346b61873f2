"""What a hand that is held up to a camera says."""
