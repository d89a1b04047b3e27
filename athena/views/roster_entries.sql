-- One row per entry of the rosters, with the key by which its user is found in the reports.
--
-- The key is made as in the view attendance_by_course. Equal rows of several files are one. A day that
-- is not written as YYYY-MM-DD is no bound, so that the person is on the roster rather than missing.
WITH entries AS (
  SELECT DISTINCT
    course_id,
    user_id,
    nullif(role, '') AS role,
    nullif(valid_from, '') AS valid_from,
    nullif(valid_to, '') AS valid_to,
    CASE WHEN regexp_like(valid_from, '^\d{4}-\d{2}-\d{2}$') THEN TRY_CAST(valid_from AS date) END AS first_day,
    CASE WHEN regexp_like(valid_to, '^\d{4}-\d{2}-\d{2}$') THEN TRY_CAST(valid_to AS date) END AS day_after
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
  CASE WHEN t.first_day IS NOT NULL THEN t.valid_from END AS valid_from, -- First day, inclusive; NULL if there is no bound.
  CASE WHEN t.day_after IS NOT NULL THEN t.valid_to END AS valid_to, -- First day after, exclusive; NULL if there is no bound.
  (t.valid_from IS NOT NULL AND t.first_day IS NULL)
    OR (t.valid_to IS NOT NULL AND t.day_after IS NULL) AS unclear_days -- true if one of the two is not a day written as YYYY-MM-DD.
FROM trimmed AS t
CROSS JOIN policy AS p
