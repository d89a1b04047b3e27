-- One row per entry of the rosters, with the key by which its user is found in the reports.
--
-- The key is made as in the view attendance_by_course. Equal rows of several files are one.
WITH entries AS (
  SELECT DISTINCT
    course_id,
    user_id,
    nullif(role, '') AS role,
    nullif(valid_from, '') AS valid_from,
    nullif(valid_to, '') AS valid_to
  FROM rosters
  WHERE course_id <> '' AND user_id <> ''
),
cased AS (
  SELECT
    s.*,
    p.ignore_case,
    p.drop_domains,
    p.drop_prefixes,
    CASE
      WHEN p.ignore_case THEN lower(regexp_replace(s.user_id, '^ +| +$', ''))
      ELSE regexp_replace(s.user_id, '^ +| +$', '')
    END AS cased_id
  FROM entries AS s
  CROSS JOIN policy AS p
),
unprefixed AS (
  SELECT
    c.*,
    substr(
      cased_id,
      1 + coalesce(
        length(
          element_at(
            filter(drop_prefixes, prefix -> starts_with(cased_id, CASE WHEN ignore_case THEN lower(prefix) ELSE prefix END)),
            1
          )
        ),
        0
      )
    ) AS bare_id
  FROM cased AS c
),
keyed AS (
  SELECT
    u.*,
    nullif(
      CASE
        WHEN regexp_like(bare_id, '@') AND (
          contains(drop_domains, '*')
          OR contains(
            transform(drop_domains, domain -> CASE WHEN ignore_case THEN lower(domain) ELSE domain END),
            regexp_extract(bare_id, '@([^@]*)$', 1)
          )
        ) THEN regexp_replace(bare_id, '@[^@]*$', '')
        ELSE bare_id
      END,
      ''
    ) AS user_key
  FROM unprefixed AS u
)
SELECT
  course_id AS course_id, -- Course.
  user_id AS user_id, -- User, as in the roster.
  user_key AS user_key, -- The id under the rules of the policy; NULL if nothing is left of it, which matches no user.
  role AS role, -- Role in the course, as in the roster.
  valid_from AS valid_from, -- First day, inclusive; NULL if there is no bound.
  valid_to AS valid_to -- First day after, exclusive; NULL if there is no bound.
FROM keyed
