-- The attendance policy: exactly one row, with the default of every setting that is not set.
SELECT
  coalesce(max(min_minutes), 0) AS min_minutes, -- Minutes that a person needs to be present.
  coalesce(max(min_share), 0.75) AS min_share, -- Share of the class that a person needs to be present, from 0 to 1.
  coalesce(max(late_minutes), 0) AS late_minutes, -- Grace at the beginning; taken off the class before the share is applied.
  coalesce(max(early_minutes), 0) AS early_minutes, -- Grace at the end; taken off the class before the share is applied.
  coalesce(max(gap_minutes), 30) AS gap_minutes, -- Sessions of a room on one day that are this close together are one class.
  coalesce(max(roles), CAST(ARRAY[] AS array(varchar))) AS roles, -- Roles of the roster that count; all if there are none.
  coalesce(max(min_class_minutes), 0) AS min_class_minutes, -- Shorter classes do not count.
  coalesce(max(min_class_users), 1) AS min_class_users, -- Classes with fewer users do not count.
  coalesce(bool_and(ignore_case), true) AS ignore_case, -- Whether ids match without regard to case.
  coalesce(max(drop_domains), CAST(ARRAY[] AS array(varchar))) AS drop_domains, -- Domains that are removed from the end of ids; * is any domain.
  coalesce(max(drop_prefixes), CAST(ARRAY[] AS array(varchar))) AS drop_prefixes -- Texts that are removed from the beginning of ids.
FROM policy_file
