"""Label files: one file a format. Ask the registry for one; see docs/formats.md for what each keeps."""
