"""What every measurement here may say instead of a result."""


class MeasurementError(ValueError):
    """A reading that must not become a calibration; the text says what to do about it."""
