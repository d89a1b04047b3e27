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
trimmed AS (
  SELECT
    e.*,
    regexp_replace(user_id, '^ +| +$', '') AS trimmed_id
  FROM entries AS e
)
SELECT
  t.course_id AS course_id, -- Course.
  t.user_id AS user_id, -- User, as in the roster.
  nullif(
    regexp_replace(
      regexp_replace(CASE WHEN p.ignore_case THEN lower(t.trimmed_id) ELSE t.trimmed_id END, p.prefix_pattern, ''),
      p.domain_pattern,
      ''
    ),
    ''
  ) AS user_key, -- The id under the rules of the policy; NULL if nothing is left of it, which matches no user.
  t.role AS role, -- Role in the course, as in the roster.
  t.valid_from AS valid_from, -- First day, inclusive; NULL if there is no bound.
  t.valid_to AS valid_to -- First day after, exclusive; NULL if there is no bound.
FROM trimmed AS t
CROSS JOIN policy AS p
