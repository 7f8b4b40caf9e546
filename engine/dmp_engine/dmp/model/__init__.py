"""The model of the pair: encoding, noise, errors of the clean plate, filters."""
