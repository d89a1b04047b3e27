"""Reference data: which rooms belong to which course, who is on its roster, and the policy."""
