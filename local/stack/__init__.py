"""The local stack: the same template, deployed by the real SAM CLI to a local AWS."""
