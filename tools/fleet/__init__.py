"""Deploys one stack for each account of a provider, from one file. See docs/provider.md."""
