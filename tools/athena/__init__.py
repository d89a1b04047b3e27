"""The generator of athena/template.yaml and docs/data-dictionary.md."""
