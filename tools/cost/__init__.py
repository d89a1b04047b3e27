"""What a deployment costs, and what a fleet of them does to the limits of AWS and Kaltura.

``make cost`` measures calls and bytes, and writes the tables of docs/cost.md and docs/provider.md.
"""
