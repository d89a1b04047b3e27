-- The attendance policy: exactly one row, with the default of every setting that is not set.
WITH settings AS (
  SELECT
    coalesce(max(min_minutes), 0) AS min_minutes,
    coalesce(max(min_share), 0.75) AS min_share,
    coalesce(max(late_minutes), 0) AS late_minutes,
    coalesce(max(early_minutes), 0) AS early_minutes,
    coalesce(max(gap_minutes), 30) AS gap_minutes,
    coalesce(max(roles), CAST(ARRAY[] AS array(varchar))) AS roles,
    coalesce(max(min_class_minutes), 0) AS min_class_minutes,
    coalesce(max(min_class_users), 1) AS min_class_users,
    coalesce(bool_and(ignore_case), true) AS ignore_case,
    coalesce(max(drop_domains), CAST(ARRAY[] AS array(varchar))) AS drop_domains,
    coalesce(max(drop_prefixes), CAST(ARRAY[] AS array(varchar))) AS drop_prefixes
  FROM policy_file
),
-- Texts become regular expressions between \Q and \E, in which no character has a meaning.
quoted AS (
  SELECT
    s.*,
    transform(
      drop_prefixes,
      prefix -> concat('\Q', replace(CASE WHEN ignore_case THEN lower(prefix) ELSE prefix END, '\E', '\E\\E\Q'), '\E')
    ) AS prefixes,
    transform(
      filter(drop_domains, domain -> NOT regexp_like(domain, '@')),
      domain -> concat('\Q', replace(CASE WHEN ignore_case THEN lower(domain) ELSE domain END, '\E', '\E\\E\Q'), '\E')
    ) AS domains
  FROM settings AS s
)
SELECT
  min_minutes AS min_minutes, -- Minutes that a person needs to be present.
  min_share AS min_share, -- Share of the class that a person needs to be present, from 0 to 1.
  late_minutes AS late_minutes, -- Grace at the beginning; taken off the class before the share is applied.
  early_minutes AS early_minutes, -- Grace at the end; taken off the class before the share is applied.
  gap_minutes AS gap_minutes, -- Sessions of a room that are this close together are one class.
  roles AS roles, -- Roles of the roster that count; all if there are none.
  min_class_minutes AS min_class_minutes, -- Shorter classes do not count.
  min_class_users AS min_class_users, -- Classes with fewer users do not count.
  ignore_case AS ignore_case, -- Whether ids match without regard to case.
  drop_domains AS drop_domains, -- Domains that are removed from the end of ids; * is any domain.
  drop_prefixes AS drop_prefixes, -- Texts that are removed from the beginning of ids.
  concat('^(?:', array_join(prefixes, '|'), ')') AS prefix_pattern, -- Regular expression of drop_prefixes: what the views remove from the beginning of an id.
  CASE
    WHEN contains(drop_domains, '*') THEN '@[^@]*$'
    WHEN cardinality(domains) = 0 THEN '$'
    ELSE concat('@(?:', array_join(domains, '|'), ')$')
  END AS domain_pattern -- Regular expression of drop_domains: what the views remove from the end of an id.
FROM quoted
