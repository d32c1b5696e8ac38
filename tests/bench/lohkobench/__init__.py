"""The bench: lohko beside its peers, on the same data and the same cores, in turn."""
